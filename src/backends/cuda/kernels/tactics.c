/* tactics.c - see tactics.h. */
#include "backends/cuda/kernels/tactics.h"

static bool is_for(const oc_tuned_choice *choice, const oc_cuda_task *task) {
    size_t length = strlen(task->kernel);
    return choice->rows == task->rows && strncmp(choice->what, task->kernel, length) == 0 &&
           choice->what[length] == ' ' &&
           oc_named_is(task->names, task->count, choice->what + length + 1);
}

const oc_tuned_choice *oc_cuda_tuned(const oc_cuda_device *device, const oc_cuda_task *task,
                                     const oc_tuned_run **run) {
    for (int32_t i = device->tuned == NULL ? 0 : device->tuned->count; i-- > 0;) {
        const oc_tuned_run *at = &device->tuned->runs[i];
        bool is_ours = strcmp(at->model, device->model) == 0;
        for (int32_t j = is_ours ? at->count : 0; j-- > 0;) {
            if (is_for(&at->choices[j], task)) {
                if (run != NULL) {
                    *run = at;
                }
                return &at->choices[j];
            }
        }
    }
    return NULL;
}

void oc_cuda_tactics_begin(const oc_cuda_device *device, const oc_cuda_task *task,
                           oc_tactics *out) {
    size_t length = (size_t)snprintf(out->what, sizeof out->what, "%s ", task->kernel);
    oc_named_text(task->names, task->count, out->what + length, sizeof out->what - length);
    out->rows = task->rows;
    out->count = 0;
    out->run = NULL;
    out->tuned = oc_cuda_tuned(device, task, &out->run);
    out->is_stale = out->tuned != NULL;
}

void oc_cuda_tactics_add(oc_tactics *tactics, int32_t number, const oc_named *names, int32_t count,
                         double microseconds, const char *text) {
    oc_tactic tactic = {.number = number, .microseconds = microseconds};
    if (tactics->count == OC_TACTICS_MAX ||
        oc_named_text(names, count, tactic.name, sizeof tactic.name) >= sizeof tactic.name) {
        return; /* what has no whole name cannot be told from others */
    }
    int32_t at = tactics->count++;
    snprintf(tactic.text, sizeof tactic.text, "%s", text);
    for (; at > 0 && tactics->items[at - 1].microseconds > microseconds; at--) {
        tactics->items[at] = tactics->items[at - 1];
    }
    tactics->items[at] = tactic;
    if (tactics->is_stale && strcmp(tactics->tuned->best, tactic.name) == 0) {
        tactics->is_stale = false;
    }
}
