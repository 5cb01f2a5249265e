/* listener.h - what tools are given beside an engine: a listener, which may be NULL as any of its
 * functions may, and sessions. */
#ifndef OC_API_TOOL_LISTENER_H
#define OC_API_TOOL_LISTENER_H

#include "api/tool.h"

void oc_tell(const octavo_tool_listener *listener, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* INVALID_ARGUMENT unless there is one at least and none of them is NULL. */
octavo_status oc_check_sessions(const octavo_tool_sessions *sessions, octavo_error *error);

#endif
