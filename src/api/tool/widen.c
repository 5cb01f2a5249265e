/* widen.c - an FP8 checkpoint to a 16-bit folder. */
#include "quantize/widen.h"
#include "api/require.h"
#include "api/source.h"
#include "api/tool.h"
#include "base/sys/output.h"

octavo_status octavo_tool_widen(const char *checkpoint, const char *out, octavo_precision precision,
                                octavo_progress progress, void *user, int32_t *modules,
                                octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    oc_source source = {.checkpoint = NULL};
    oc_output_folder folder = {0};
    oc_error_clear(error);
    OC_REQUIRE(error, modules);
    *modules = 0;
    OC_REQUIRE(error, checkpoint);
    OC_REQUIRE(error, out);
    if (precision != OCTAVO_PRECISION_F16 && precision != OCTAVO_PRECISION_BF16) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "FP8 is widened to f16 or bf16, not to precision %d", (int)precision);
    }
    OC_TRY(oc_source_open(checkpoint, precision, NULL, &source, error));
    if (source.quantization.fp8_count == 0) {
        OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET,
                "there is nothing to widen: none of its %d linear modules is FP8",
                source.recipe.module_count);
    }
    OC_TRY(oc_output_folder_open(out, &folder, error));
    OC_TRY(oc_widen(source.checkpoint, precision == OCTAVO_PRECISION_F16 ? OCTAVO_F16 : OCTAVO_BF16,
                    folder.temporary, progress, user, error));
    OC_TRY(oc_output_folder_commit(&folder, error));
    *modules = source.quantization.fp8_count;
done:
    oc_output_folder_abort(&folder);
    oc_source_close(&source);
    return status;
}
