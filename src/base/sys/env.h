/* env.h - the environment variables that octavo reads.  No other file calls getenv. */
#ifndef OC_BASE_ENV_H
#define OC_BASE_ENV_H

/* name, what it is for */
#define OC_ENV_MAP(XX)                                                                             \
    XX(HF_HUB_CACHE, "folder of the local hub cache")                                              \
    XX(HF_HOME, "where no HF_HUB_CACHE is set: the hub cache is its subfolder hub")                \
    XX(XDG_CACHE_HOME, "where neither is set: the hub cache is huggingface/hub in it")             \
    XX(HOME, "where none is set: the hub cache is .cache/huggingface/hub in it")                   \
    XX(COLUMNS, "width of the terminal, where it is not what the terminal says")                   \
    XX(TERM, "kind of the terminal: bars are drawn on all but a dumb one")                         \
    XX(TMPDIR, "folder for temporary files of --preset; /tmp where it is not set")                 \
    XX(OCTAVO_THREADS, "threads, where a command is not told; a positive number")                  \
    XX(OCTAVO_TIER, "CPU tier, where a command is not told; a name such as avx2")                  \
    XX(OCTAVO_KERNELS,                                                                             \
       "folder, or pack, of compiled GPU kernels; else octavo/kernels in the user's cache")        \
    XX(OCTAVO_NVRTC, "the library that compiles GPU kernels, such as /opt/libnvrtc.so.13")

typedef enum oc_env {
#define XX(name, text) OC_ENV_##name,
    OC_ENV_MAP(XX)
#undef XX
        OC_ENV_COUNT
} oc_env;

/* Its value; NULL when it is not set or empty.  Borrowed, until the program changes its
 * environment. */
const char *oc_env_get(oc_env variable);
const char *oc_env_name(oc_env variable);  /* "HF_HOME" */
const char *oc_env_about(oc_env variable); /* what it is for */

#endif
