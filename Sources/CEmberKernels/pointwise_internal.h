// What the parts of the pointwise interpreter share: kernel tables and conversion paths. Private to this target.
#ifndef EMBER_POINTWISE_INTERNAL_H
#define EMBER_POINTWISE_INTERNAL_H

#include <stdlib.h>

#include "ember_allocator.h"
#include "ember_pointwise.h"

/// Runs one operation over n contiguous elements. Bit 0, 1, 2 of `uniform`: a, b, c is a single element.
/// Not all operands are uniform, unless n is 1 (then the bits are 0). The result may be exactly an operand of the same size.
typedef void (*ember_kernel)(int64_t n, void *result, const void *a, const void *b, const void *c, unsigned uniform);

/// Copies to memory aligned to 64 bytes, past the cache; a fence must follow.
typedef void (*ember_stream)(void *to, const void *from, int64_t bytes);

/// The kernels of one instruction set. NULL: there is none.
typedef struct {
  /// By opcode and operand type; not CAST.
  ember_kernel operations[EMBER_OP_COUNT][EMBER_TYPE_COUNT];
  /// Between computing types, by source and target.
  ember_kernel casts[EMBER_TYPE_COUNT][EMBER_TYPE_COUNT];
  /// From storage-only dtypes to computing types, and back.
  ember_kernel loads[EMBER_DTYPE_COUNT][EMBER_TYPE_COUNT];
  ember_kernel stores[EMBER_TYPE_COUNT][EMBER_DTYPE_COUNT];
  ember_stream stream;
} ember_kernel_table;

/// The table of an instruction set.
const ember_kernel_table *ember_kernels(int isa);

/// The computing type that is stored exactly as a dtype is, or -1.
int ember_stored_type(int dtype);
/// The computing type that a dtype is normally loaded as and stored from.
int ember_natural_type(int dtype);

// MARK: Plans
// A plan is a program made ready for one call: every value has a place, every step a kernel.

/// How an operand is met in a tile.
typedef enum {
  /// One element for the whole tile.
  EMBER_ACCESS_UNIFORM,
  /// Contiguous: read or written in place.
  EMBER_ACCESS_DIRECT,
  /// Gathered to, or scattered from, a buffer of the tile.
  EMBER_ACCESS_BUFFERED,
} ember_access;

/// Where a value is: at a fixed address, or at an offset in the thread's scratch memory.
typedef struct {
  char *address;
  int64_t scratch;  // -1: none
  uint8_t size;
  bool uniform;
} ember_location;

typedef struct {
  ember_kernel kernel;
  uint16_t result, a, b, c;
  uint8_t uniform;
  /// All operands are uniform: runs for one element.
  bool once;
} ember_step;

enum { EMBER_INLINE_LOCATIONS = 96, EMBER_INLINE_STEPS = 80 };

typedef struct ember_plan {
  /// Locations 0..<operand_count are the operands, inputs first.
  int input_count, operand_count, location_count, step_count;
  ember_location *locations;
  ember_step *steps;
  /// Elements of a tile at most, and the scratch memory that one thread needs.
  int64_t tile;
  int64_t scratch_bytes;
  /// The work per element, in additions.
  int weight;
  /// What was allocated because the arrays below are too small, or NULL.
  void *allocated;
  ember_location inline_locations[EMBER_INLINE_LOCATIONS];
  ember_step inline_steps[EMBER_INLINE_STEPS];
} ember_plan;

/// Makes a plan; `access` per operand. False if memory is exhausted.
bool ember_plan_make(ember_plan *plan, const ember_program *program, void *const *pointers, const uint8_t *access);
void ember_plan_end(ember_plan *plan);
/// Elements that one chunk of a parallel loop should have: fixed by the program, not by the machine.
int64_t ember_plan_chunk(const ember_plan *plan);

int64_t ember_single_chunk(int opcode, int type);

/// Memory for the length of a call: `inline_memory` if that is large enough, else allocated, or NULL.
static inline void *ember_borrow(void *inline_memory, size_t inline_bytes, size_t bytes) {
  if (bytes <= inline_bytes) return inline_memory;
  void *memory = malloc(bytes);
  if (!memory) ember_note_scratch_failure();
  return memory;
}
static inline void ember_give_back(void *memory, void *inline_memory) {
  if (memory != inline_memory) free(memory);
}

/// What one thread runs a plan with: an address per location.
typedef struct {
  char **addresses;
  char *scratch;
  void *allocated;
  /// Small plans need no allocation. 40 KiB is what the tile is fitted to.
  char *inline_addresses[EMBER_INLINE_LOCATIONS];
  _Alignas(64) char inline_scratch[40 << 10];
} ember_runner;
bool ember_runner_start(ember_runner *runner, const ember_plan *plan);
void ember_runner_end(ember_runner *runner);

/// Runs the steps over n elements at the runner's addresses.
static inline void ember_run_steps(const ember_plan *plan, const ember_runner *runner, int64_t n) {
  for (int s = 0; s < plan->step_count; s++) {
    const ember_step *step = &plan->steps[s];
    step->kernel(step->once ? 1 : n, runner->addresses[step->result], runner->addresses[step->a],
                 runner->addresses[step->b], runner->addresses[step->c], step->uniform);
  }
}

#endif
