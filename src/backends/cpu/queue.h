/* queue.h - the CPU's queues and programs: oc_backend's functions of those names. */
#ifndef OC_CPU_QUEUE_H
#define OC_CPU_QUEUE_H

#include "backends/cpu/kernels.h"
#include "device/device.h"

/* A device of this tier, whether the machine has it or not (cpu.c).
 * threads: that pack; 0: one for each usable core. */
octavo_status oc_cpu_open_tier(const oc_cpu_tier *tier, int32_t threads, oc_device **out,
                               octavo_error *error);

/* Of the device. */
const oc_cpu_tier *oc_cpu_tier_of(const oc_device *device);
/* The kernel of a step whose constants the device made; NULL: its tier has none. */
const oc_cpu_kernel *oc_cpu_kernel_of(const oc_device *device, const oc_step *step);

octavo_status oc_cpu_queue_create(oc_device *device, int32_t threads, size_t bytes, oc_queue **out,
                                  octavo_error *error);
void oc_cpu_queue_free(oc_queue *queue);
void *oc_cpu_queue_memory(oc_queue *queue);
octavo_status oc_cpu_compile(oc_queue *queue, const oc_plan *plan, oc_program **out,
                             octavo_error *error);
void oc_cpu_program_free(oc_program *program);
octavo_status oc_cpu_submit(oc_queue *queue, oc_program *program, const oc_run *run,
                            uint32_t report, oc_step_report *reports, oc_ticket *ticket,
                            octavo_error *error);
octavo_status oc_cpu_wait(oc_queue *queue, oc_ticket ticket, uint64_t deadline_ns,
                          octavo_error *error);
octavo_status oc_cpu_write(oc_queue *queue, const oc_plan *plan, const oc_view *view, int32_t first,
                           int32_t count, const void *rows, octavo_error *error);
octavo_status oc_cpu_read(oc_queue *queue, const oc_plan *plan, const oc_view *view, int32_t first,
                          const int32_t *index, int32_t count, void *rows, octavo_error *error);

#endif
