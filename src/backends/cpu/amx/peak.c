/* peak.c - the limit of the AMX tier: products of tiles that stay in registers, four chains. */
#include "backends/cpu/machine/peak.h"

#include "backends/cpu/amx/amx.h"
#include "backends/cpu/amx/target.h"
#include "backends/cpu/amx/tiles.h"

OC_AMX void oc_amx_bf16_rounds(int64_t count) {
    /* Bits that change as those of numbers do: what the unit draws depends on them. */
    _Alignas(64) uint16_t values[OC_TILE_BYTES / 2];
    for (int i = 0; i < OC_TILE_BYTES / 2; i++) {
        values[i] = (uint16_t)(0x3f00 + i * 5 % 0x100 + i % 2 * 0x8000);
    }
    oc_amx_enter();
    __asm__ volatile("" : : "r"(values) : "memory");
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_loadd(4, values, 64);
    _tile_loadd(5, values, 32);
    _tile_loadd(6, values, 64);
    _tile_loadd(7, values, 32);
    for (; count > 0; count--) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    oc_amx_leave();
}
