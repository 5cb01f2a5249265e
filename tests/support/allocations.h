/* allocations.h - counts what malloc and its family hand out. */
#ifndef OC_TESTS_ALLOCATIONS_H
#define OC_TESTS_ALLOCATIONS_H

#include <stdbool.h>
#include <stdint.h>

#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define OC_UNDER_TSAN 1 /* whose hooks are not told of aligned allocations */
#else
#define OC_UNDER_TSAN 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define OC_UNDER_ASAN 1
#else
#define OC_UNDER_ASAN 0
#endif

/* Allocations of this process so far.  A program that calls this has its malloc family replaced
 * or, under a sanitizer that has replaced it already, listened to; there, because a sanitizer
 * allocates when it starts a thread, those of the main thread alone count. */
int64_t oc_allocations(void);

/* Blocks that are allocated and not freed; 0 under a sanitizer that has replaced malloc. */
int64_t oc_allocations_alive(void);

/* Lets `count` more allocations of the process succeed; those behind them fail, or only the next
 * one if `once`.  -1: all succeed again.  Does nothing under a sanitizer that has replaced malloc.
 */
void oc_allocations_fail_after(int64_t count, bool once);

#endif
