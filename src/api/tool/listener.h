/* listener.h - telling a listener, which may be NULL as any of its functions may. */
#ifndef OC_API_TOOL_LISTENER_H
#define OC_API_TOOL_LISTENER_H

#include "api/tool.h"

void oc_tell(const octavo_tool_listener *listener, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
