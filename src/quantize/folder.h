/* folder.h - what a new checkpoint folder takes along beside its weights. */
#ifndef OC_QUANTIZE_FOLDER_H
#define OC_QUANTIZE_FOLDER_H

#include "checkpoint/checkpoint.h"
#include "checkpoint/files/safetensors_write.h"

/* A file of the folder, whole or not at all (base/output.h). */
octavo_status oc_folder_save(const char *folder, const char *name, const void *bytes, size_t size,
                             octavo_error *error);

/* What the checkpoint's folder has of tokenizer, image processor, card and licence is copied. */
octavo_status oc_folder_companions(const oc_checkpoint *checkpoint, const char *folder,
                                   octavo_error *error);

/* The bytes of the tensor that the writer is at, as the checkpoint has them. */
octavo_status oc_folder_copy(oc_st_writer *writer, const oc_ckpt_tensor *tensor,
                             octavo_error *error);

#endif
