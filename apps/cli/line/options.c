/* options.c - parsing the command line by the table in commands.c. */
#include "cli/line/options.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/tool.h"
#include "base/json/number.h"
#include "base/limits.h"
#include "base/slice.h"
#include "base/sys/env.h"
#include "cli/line/commands.h"
#include "cli/line/suggest.h"

enum {
    FLAGS_MAX = 32,
    LONG_FLAG = 256, /* values of flags without a letter: behind all letters */
};

#define USAGE(...) OC_FAIL(error, OCTAVO_INVALID_ARGUMENT, OCTAVO_NO_OFFSET, __VA_ARGS__)

octavo_status oc_cli_list_add(oc_arena *arena, oc_cli_list *list, const char *item,
                              octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    /* The list grows where its count is a power of two (or nothing). */
    if ((list->count & (list->count - 1)) == 0) {
        size_t capacity = list->count ? 2 * (size_t)list->count : 1;
        const char **items = oc_arena_alloc(arena, capacity * sizeof *items);
        if (!items) {
            OC_NO_MEMORY(error, capacity * sizeof *items);
        }
        if (list->count) {
            memcpy(items, list->items, (size_t)list->count * sizeof *items);
        }
        list->items = items;
    }
    list->items[list->count++] = item;
done:
    return status;
}

octavo_status oc_cli_split(oc_cli_options *options, const char *text, oc_cli_list *out,
                           octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    *out = (oc_cli_list){NULL, 0};
    for (const char *end; *text; text = *end ? end + 1 : end) {
        end = text + strcspn(text, ",");
        const char *from = text + strspn(text, " "), *to = end;
        while (to > from && to[-1] == ' ') {
            to--;
        }
        if (to > from) {
            char *word = oc_arena_text(&options->arena, from, (size_t)(to - from));
            if (!word) {
                OC_NO_MEMORY(error, to - from);
            }
            OC_TRY(oc_cli_list_add(&options->arena, out, word, error));
        }
    }
done:
    return status;
}

/* True where `word` is one of "a|b|c". */
static bool is_choice(const char *choices, const char *word) {
    size_t length = strlen(word);
    for (const char *at = choices; at; at = strchr(at, '|')) {
        at += *at == '|';
        if (strcspn(at, "|") == length && strncmp(at, word, length) == 0) {
            return true;
        }
    }
    return false;
}

static octavo_status set_words(oc_cli_options *options, const char **words, const char *value,
                               octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    if (*words) {
        size_t size = strlen(*words) + strlen(value) + 2;
        char *joined = oc_arena_alloc(&options->arena, size);
        if (!joined) {
            OC_NO_MEMORY(error, size);
        }
        snprintf(joined, size, "%s,%s", *words, value);
        value = joined;
    }
    *words = value;
done:
    return status;
}

static octavo_status set_flag(oc_cli_options *options, const oc_cli_flag *flag, const char *from,
                              const char *value, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    void *field = (char *)options + flag->field;
    int64_t whole;
    double number;
    switch (flag->kind) {
    case OC_CLI_SWITCH:
        *(bool *)field = true;
        break;
    case OC_CLI_CHOICE:
        if (!is_choice(flag->value, value)) {
            USAGE("%s takes one of %s, not \"%s\"", from, flag->value, value);
        }
        *(const char **)field = value;
        break;
    case OC_CLI_TEXT:
        if (!value[0]) {
            USAGE("%s is given an empty %s", from, flag->value);
        }
        *(const char **)field = value;
        break;
    case OC_CLI_WORDS:
        OC_TRY(set_words(options, field, value, error));
        break;
    case OC_CLI_LIST:
        OC_TRY(oc_cli_list_add(&options->arena, field, value, error));
        break;
    case OC_CLI_COUNT:
        if (!oc_parse_int64(value, strlen(value), &whole) || (double)whole < flag->min ||
            (double)whole > flag->max) {
            USAGE("%s takes a whole number from %.0f to %.0f, not \"%s\"", from, flag->min,
                  flag->max, value);
        }
        *(int32_t *)field = (int32_t)whole;
        break;
    case OC_CLI_NUMBER:
        if (!oc_parse_double(value, strlen(value), &number) || number < flag->min ||
            number > flag->max) {
            USAGE("%s takes a number from %g to %g, not \"%s\"", from, flag->min, flag->max, value);
        }
        *(double *)field = number;
        break;
    }
done:
    return status;
}

/* What the environment says is a flag's default, and checked as the flag is. */
static octavo_status read_environment(oc_cli_options *options, octavo_error *error) {
    static const struct {
        oc_env variable;
        const char *flag;
    } defaults[] = {{OC_ENV_OCTAVO_THREADS, "threads"}, {OC_ENV_OCTAVO_TIER, "tier"}};
    octavo_status status = OCTAVO_OK;
    const oc_cli_flag *flag;
    for (size_t i = 0; i < OC_COUNT(defaults); i++) {
        const char *value = oc_env_get(defaults[i].variable);
        for (int32_t f = 0; value && (flag = oc_cli_flag_at(options->command, f)); f++) {
            if (strcmp(flag->name, defaults[i].flag) == 0) {
                OC_TRY(set_flag(options, flag, oc_env_name(defaults[i].variable), value, error));
            }
        }
    }
done:
    return status;
}

/* "cuda", "cuda:N" or "cuda:N:TIER" */
static bool is_card(const char *device) {
    int64_t number;
    bool is_cuda = strncmp(device, "cuda:", 5) == 0;
    size_t digits = is_cuda ? strcspn(device + 5, ":") : 0;
    return strcmp(device, "cuda") == 0 ||
           (is_cuda && oc_parse_int64(device + 5, digits, &number) && number >= 0);
}

/* Whoever names a tier on the command line wants the CPU, also where `auto` would take a card. */
static octavo_status check_device(oc_cli_options *options, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const char *device = options->device;
    bool has_tier = options->tier && options->tier != oc_env_get(OC_ENV_OCTAVO_TIER);
    if (!device || is_choice("auto|cpu|ref", device)) {
        bool is_open = !device || strcmp(device, "auto") == 0;
        options->device = has_tier && is_open ? "cpu" : device;
        goto done;
    }
    if (has_tier && strncmp(device, "cuda", 4) == 0) {
        USAGE("--tier %s names a tier of the CPU, --device %s is a card", options->tier, device);
    }
    if (is_card(device)) {
        OC_TRY(octavo_tool_device(device, error)); /* before anything is opened or made */
        goto done;
    }
    if (strcmp(device, "cuda:all") == 0) {
        if (is_choice("embed|classify|search|eval|bench", options->command->name)) {
            OC_TRY(octavo_tool_device("cuda:0", error));
            goto done;
        }
        USAGE("%s works on one card: cuda:N names it; embed, classify, search, eval and bench take "
              "all of them",
              options->command->name);
    }
    USAGE("--device takes auto, cpu, cuda, cuda:N, cuda:N:mma, cuda:all or ref, not \"%s\"",
          device);
done:
    return status;
}

/* Of flags that can be required: texts and lists. */
static bool is_given(const oc_cli_options *options, const oc_cli_flag *flag) {
    const void *field = (const char *)options + flag->field;
    return flag->kind == OC_CLI_LIST ? ((const oc_cli_list *)field)->count > 0
                                     : *(const char *const *)field != NULL;
}

static octavo_status check_given(oc_cli_options *options, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    const oc_cli_command *command = options->command;
    const oc_cli_flag *flag;
    int32_t given = options->arguments.count;
    if (given < command->arguments_min) {
        USAGE("%s is missing: octavo %s %s", given == 0 ? "an argument" : "another argument",
              command->name, command->arguments);
    }
    if (given > command->arguments_max) {
        USAGE("\"%s\" is one argument too many for octavo %s",
              options->arguments.items[command->arguments_max], command->name);
    }
    for (int32_t i = 0; (flag = oc_cli_flag_at(command, i)); i++) {
        if (flag->required && !is_given(options, flag)) {
            USAGE("--%s %s is missing", flag->name, flag->value);
        }
    }
    OC_TRY(check_device(options, error));
done:
    return status;
}

static octavo_status parse_flags(int argc, char **argv, oc_cli_options *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    struct option longs[FLAGS_MAX + 1] = {{NULL, 0, NULL, 0}};
    char letters[2 * FLAGS_MAX + 2] = ":"; /* a missing value is told apart */
    char name[64], hint[OC_CLI_HINT];
    const oc_cli_flag *flag;
    size_t length = 1;
    for (int32_t i = 0; i < FLAGS_MAX && (flag = oc_cli_flag_at(out->command, i)); i++) {
        int value = flag->kind == OC_CLI_SWITCH ? no_argument : required_argument;
        longs[i] = (struct option){flag->name, value, NULL, LONG_FLAG + i};
        if (flag->letter) {
            letters[length++] = flag->letter;
            if (value == required_argument) {
                letters[length++] = ':';
            }
        }
    }
    opterr = 0;
    optind = 0; /* begin anew */
    for (int got; (got = getopt_long(argc, argv, letters, longs, NULL)) != -1;) {
        if (got == '?' && optopt && optopt < LONG_FLAG) {
            USAGE("octavo %s has no flag -%c%s", out->command->name, optopt,
                  oc_cli_flag_hint(out->command, "-", hint));
        }
        if (got == '?' && optopt) {
            USAGE("octavo %s: %s takes no value", out->command->name, argv[optind - 1]);
        }
        if (got == '?') {
            USAGE("octavo %s has no flag %s%s", out->command->name, argv[optind - 1],
                  oc_cli_flag_hint(out->command, argv[optind - 1], hint));
        }
        if (got == ':') {
            USAGE("%s is given no value", argv[optind - 1]);
        }
        for (int32_t i = 0; (flag = oc_cli_flag_at(out->command, i)); i++) {
            if (got == LONG_FLAG + i || (flag->letter && got == flag->letter)) {
                snprintf(name, sizeof name, "--%s", flag->name);
                OC_TRY(set_flag(out, flag, name, optarg, error));
            }
        }
    }
    for (int i = optind; i < argc; i++) {
        OC_TRY(oc_cli_list_add(&out->arena, &out->arguments, argv[i], error));
    }
done:
    return status;
}

octavo_status oc_cli_parse(int argc, char **argv, oc_cli_options *out, octavo_error *error) {
    octavo_status status = OCTAVO_OK;
    memset(out, 0, sizeof *out);
    oc_arena_init(&out->arena);
    out->duration = 3;
    out->warmup = 0.5;
    out->max_drop = out->max_spread = -1;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        out->json |= strcmp(argv[i], "--json") == 0; /* so that a usage error is JSON too */
    }
    if (argc < 2) {
        USAGE("no command is given; `octavo help` lists them");
    }
    const char *name = argv[1];
    name = strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ? "help"
           : strcmp(name, "--version") == 0                       ? "version"
                                                                  : name;
    out->command = oc_cli_find(name);
    if (!out->command) {
        USAGE("there is no command \"%s\"%s", name,
              oc_cli_command_hint(name, (char[OC_CLI_HINT]){0}));
    }
    OC_TRY(read_environment(out, error));
    OC_TRY(parse_flags(argc - 1, argv + 1, out, error));
    if (!out->help) {
        OC_TRY(check_given(out, error));
    }
done:
    return status;
}

void oc_cli_options_free(oc_cli_options *options) {
    oc_arena_free(&options->arena);
    memset(options, 0, sizeof *options);
}
