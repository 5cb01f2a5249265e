/* peers.h - what others took for the same work: the file of --compare, which bench/peers writes and
 * bench/peers/peers_file.py describes.
 *
 *   {"machine":"...","software":"...","date":"...",
 *    "rows":[{"engine":"torch fp8","model":"ViT-L-14","tower":"image","batch":128,"ms":35.2,
 *             "timed":"device"}...]}
 *
 * model is a preset's name, or an engine's; a text row has "tokens"; "threads" where it is for so
 * many only.  timed: "device", a GPU's own time, or "wall".  Other members may be there, and are
 * not looked at. */
#ifndef OC_CLI_PEERS_H
#define OC_CLI_PEERS_H

#include "cli/bench/bench.h"

typedef struct oc_cli_peer {
    const char *engine, *model;
    int32_t tower, batch;
    int32_t tokens, threads; /* 0: any */
    bool is_device;          /* else wall time */
    double ms;
} oc_cli_peer;

typedef struct oc_cli_peers {
    oc_cli_peer *items;
    int32_t count;
    oc_arena arena;
} oc_cli_peers;

/*   CORRUPT  not such a file; the sentence names place and byte */
octavo_status oc_cli_peers_read(const char *path, oc_cli_peers *out, octavo_error *error);
void oc_cli_peers_free(oc_cli_peers *peers); /* a zeroed one is accepted */

/* Whether it did this row's work, and in a time that the row has too. */
bool oc_cli_peer_fits(const oc_cli_peer *peer, const oc_cli_bench_run *of,
                      const oc_cli_result *row);
/* Its time through the row's of the same kind: over 1, octavo is faster. */
double oc_cli_peer_ratio(const oc_cli_peer *peer, const oc_cli_result *row);

#endif
