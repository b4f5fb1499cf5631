// What the parts of the pointwise interpreter share: kernel tables and conversion paths. Private to this target.
#ifndef EMBER_POINTWISE_INTERNAL_H
#define EMBER_POINTWISE_INTERNAL_H

#include "ember_pointwise.h"

/// Runs one operation over n contiguous elements. Bit 0, 1, 2 of `uniform`: a, b, c is a single element.
/// Not all operands are uniform, unless n is 1 (then the bits are 0). The result may be exactly an operand of the same size.
typedef void (*ember_kernel)(int64_t n, void *result, const void *a, const void *b, const void *c, unsigned uniform);

/// The kernels of one instruction set. NULL: there is none.
typedef struct {
  /// By opcode and operand type; not CAST.
  ember_kernel operations[EMBER_OP_COUNT][EMBER_TYPE_COUNT];
  /// Between computing types, by source and target.
  ember_kernel casts[EMBER_TYPE_COUNT][EMBER_TYPE_COUNT];
  /// From storage-only dtypes to computing types, and back.
  ember_kernel loads[EMBER_DTYPE_COUNT][EMBER_TYPE_COUNT];
  ember_kernel stores[EMBER_TYPE_COUNT][EMBER_DTYPE_COUNT];
} ember_kernel_table;

/// The table of an instruction set.
const ember_kernel_table *ember_kernels(int isa);

/// The computing type that is stored exactly as a dtype is, or -1.
int ember_stored_type(int dtype);

/// One step of a conversion: a kernel and the bytes of an element of its result.
typedef struct {
  ember_kernel kernel;
  uint8_t size;
} ember_conversion;
enum { EMBER_MAXIMUM_CONVERSIONS = 3 };
/// Kernels that convert a stored dtype to a computing type, back, and between dtypes. The number of steps, 0 if nothing is
/// to be done.
int ember_load_path(const ember_kernel_table *table, int dtype, int type, ember_conversion *path);
int ember_store_path(const ember_kernel_table *table, int type, int dtype, ember_conversion *path);
int ember_convert_path(const ember_kernel_table *table, int from, int to, ember_conversion *path);

#endif
