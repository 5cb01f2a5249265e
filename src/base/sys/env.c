/* env.c - the one place that reads the environment. */
#include "base/sys/env.h"

#include <stdlib.h>

static const struct {
    const char *name, *about;
} variables[OC_ENV_COUNT] = {
#define XX(name, text) {#name, text},
    OC_ENV_MAP(XX)
#undef XX
};

const char *oc_env_get(oc_env variable) {
    const char *value = getenv(variables[variable].name);
    return value && value[0] ? value : NULL;
}

const char *oc_env_name(oc_env variable) {
    return variables[variable].name;
}

const char *oc_env_about(oc_env variable) {
    return variables[variable].about;
}
