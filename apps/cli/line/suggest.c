/* suggest.c - see suggest.h. */
#include "cli/line/suggest.h"

#include <stdio.h>
#include <string.h>

enum { NAME_MAX_LENGTH = 31 };

static int least(int a, int b) {
    return a < b ? a : b;
}

/* Letters to insert, drop, replace, or swap with their neighbour to make one of the other
 * (optimal string alignment).  Names that are too long are far from all. */
static int distance(const char *a, size_t a_length, const char *b) {
    int rows[3][NAME_MAX_LENGTH + 1], *before = rows[0], *last = rows[1], *row = rows[2];
    size_t b_length = strlen(b);
    if (a_length > NAME_MAX_LENGTH || b_length > NAME_MAX_LENGTH) {
        return NAME_MAX_LENGTH;
    }
    for (size_t j = 0; j <= b_length; j++) {
        row[j] = (int)j;
    }
    for (size_t i = 1; i <= a_length; i++) {
        int *free_row = before;
        before = last;
        last = row;
        row = free_row;
        row[0] = (int)i;
        for (size_t j = 1; j <= b_length; j++) {
            int replaced = last[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(replaced, 1 + least(last[j], row[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], before[j - 2] + 1);
            }
        }
    }
    return row[b_length];
}

/* Nearer than *best, and no more than a third of the letters wrong: then it is the best so far. */
static bool is_nearer(const char *given, size_t length, const char *name, int *best) {
    int far = distance(given, length, name);
    if (far >= *best || 3 * far > (int)length + 1) {
        return false;
    }
    *best = far;
    return true;
}

const char *oc_cli_command_hint(const char *name, char text[OC_CLI_HINT]) {
    const char *found = NULL;
    int best = NAME_MAX_LENGTH;
    for (const oc_cli_command *command = oc_cli_commands; command->name; command++) {
        if (is_nearer(name, strlen(name), command->name, &best)) {
            found = command->name;
        }
    }
    if (found) {
        snprintf(text, OC_CLI_HINT, "; did you mean \"octavo %s\"?", found);
    } else {
        snprintf(text, OC_CLI_HINT, "; `octavo help` lists them");
    }
    return text;
}

/* The flags that begin as the one given: getopt takes it where there is one only. */
static bool list_prefixed(const oc_cli_command *command, const char *name, size_t length,
                          char text[OC_CLI_HINT]) {
    const oc_cli_flag *flag;
    size_t used = 0;
    for (int32_t i = 0; length && (flag = oc_cli_flag_at(command, i)); i++) {
        if (strncmp(flag->name, name, length) == 0 && used < OC_CLI_HINT) {
            used += (size_t)snprintf(text + used, OC_CLI_HINT - used, "%s--%s",
                                     used ? " or " : "; did you mean ", flag->name);
        }
    }
    if (used && used < OC_CLI_HINT - 1) {
        snprintf(text + used, OC_CLI_HINT - used, "?");
    }
    return used > 0;
}

/* The first command that has it. */
static const oc_cli_command *owner_of(const char *name, size_t length) {
    const oc_cli_flag *flag;
    for (const oc_cli_command *command = oc_cli_commands; command->name; command++) {
        for (int32_t i = 0; (flag = oc_cli_flag_at(command, i)); i++) {
            if (strlen(flag->name) == length && strncmp(flag->name, name, length) == 0) {
                return command;
            }
        }
    }
    return NULL;
}

const char *oc_cli_flag_hint(const oc_cli_command *command, const char *given,
                             char text[OC_CLI_HINT]) {
    const char *name = given + strspn(given, "-");
    size_t length = strcspn(name, "=");
    const oc_cli_command *owner;
    const oc_cli_flag *flag, *found = NULL;
    int best = NAME_MAX_LENGTH;
    bool is_long = name - given > 1;
    for (int32_t i = 0; is_long && (flag = oc_cli_flag_at(command, i)); i++) {
        if (is_nearer(name, length, flag->name, &best)) {
            found = flag;
        }
    }
    if (is_long && list_prefixed(command, name, length, text)) {
        return text;
    }
    if (found) {
        snprintf(text, OC_CLI_HINT, "; did you mean --%s?", found->name);
    } else if (is_long && (owner = owner_of(name, length))) {
        snprintf(text, OC_CLI_HINT, "; octavo %s has it", owner->name);
    } else {
        snprintf(text, OC_CLI_HINT, "; `octavo %s --help` lists them", command->name);
    }
    return text;
}
