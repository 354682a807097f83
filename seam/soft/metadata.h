/* SPDX-License-Identifier: MIT */
/* The system-scope metadata fields, as SYS.RD and SYS.RDALL walk them. */
#ifndef SEAM_SOFT_METADATA_H
#define SEAM_SOFT_METADATA_H

#include "seam/soft/state.h"

#define SOFT_FIELD_CLASS(id)   ((id) >> TDX_FIELD_CLASS_SHIFT & 0x3F)
#define SOFT_ATTRIBUTES_FIXED0 0x8000000070000001ull

enum soft_field_index {
#define TDX_FIELD(name, id, bytes, fields, elements, since, valid) SOFT_FIELD_INDEX_##name,
#include "drivers/tdx/abi/fields.def"
    SOFT_FIELD_COUNT
};

struct soft_field {
    u64 id; /* of the first element */
    u32 bytes, fields, elements;
};
extern const struct soft_field soft_fields[SOFT_FIELD_COUNT];

/* Does this module have the field? */
bool soft_field_exists(const struct soft_module *module, u32 index);
/* May the host read it now (knob fields_before_valid)? */
bool soft_field_readable(const struct soft_module *module, u32 index);
/* Value of element number element (0 .. fields * elements - 1), cut to the element's bytes; false:
 * module-fatal. */
bool soft_field_value(const struct soft_module *module, u32 index, u32 element, u64 *value);

/* Finds the row and element that class and field code of an id name; SOFT_FIELD_COUNT if there is none. */
u32 soft_field_find(const struct soft_module *module, u64 id, u32 *element);
/* Index of the first field that exists, from index on; SOFT_FIELD_COUNT at the end. */
u32 soft_field_next(const struct soft_module *module, u32 index);

/* All ones, whatever the context bits say */
bool soft_field_is_null(u64 id);

#endif
