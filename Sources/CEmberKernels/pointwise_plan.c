// Making plans: finding a kernel for each instruction and conversion, and a place for each value.
#include <stdlib.h>
#include <string.h>

#include "bodies/isa.h"
#include "pointwise_internal.h"

// MARK: Tables

EMBER_DECLARE_FOR_EACH_ISA(const ember_kernel_table, ember_pointwise_table);

const ember_kernel_table *ember_kernels(int isa) { return &EMBER_ISA_PICK(ember_pointwise_table, isa); }

bool ember_pointwise_supports(int opcode, int type) {
  if (opcode < 0 || opcode >= EMBER_OP_COUNT || type < 0 || type >= EMBER_TYPE_COUNT) return false;
  return opcode == EMBER_OP_CAST || ember_kernels(EMBER_ISA_BASELINE)->operations[opcode][type] != NULL;
}

int ember_stored_type(int dtype) {
  static const int8_t types[EMBER_DTYPE_COUNT] = {
      EMBER_TYPE_BOOL,    EMBER_TYPE_UINT8,   EMBER_TYPE_INT8,      EMBER_TYPE_INT16, EMBER_TYPE_INT32,
      EMBER_TYPE_INT64,   -1,                 -1,                   EMBER_TYPE_FLOAT32, EMBER_TYPE_FLOAT64,
      EMBER_TYPE_COMPLEX64, EMBER_TYPE_COMPLEX128, -1, -1, -1, -1, -1, -1, -1, -1};
  return types[dtype];
}

int ember_natural_type(int dtype) {
  switch (dtype) {
    case EMBER_UINT16:
    case EMBER_UINT32:
    case EMBER_UINT64: return EMBER_TYPE_INT64;
    case EMBER_COMPLEX32: return EMBER_TYPE_COMPLEX64;
    default: return ember_stored_type(dtype) >= 0 ? ember_stored_type(dtype) : EMBER_TYPE_FLOAT32;
  }
}

static ember_kernel find_kernel(const ember_kernel_table *table, const ember_instruction *instruction) {
  if (instruction->opcode >= EMBER_OP_COUNT || instruction->type >= EMBER_TYPE_COUNT ||
      instruction->result_type >= EMBER_TYPE_COUNT)
    return NULL;
  if (instruction->opcode == EMBER_OP_CAST) return table->casts[instruction->type][instruction->result_type];
  return table->operations[instruction->opcode][instruction->type];
}

static int operand_count(int opcode) {
  return opcode >= EMBER_OP_SELECT ? 3 : opcode >= EMBER_OP_ADD ? 2 : 1;
}

// MARK: Costs

// How many times an addition's time an operation takes, roughly: for sizing parallel chunks.
static int operation_weight(int opcode, int type) {
  if (type == EMBER_TYPE_COMPLEX64 || type == EMBER_TYPE_COMPLEX128)
    return opcode >= EMBER_OP_SQRT && opcode <= EMBER_OP_SIGMOID ? 60 : opcode == EMBER_OP_POWER ? 100 : 3;
  const bool wide = type != EMBER_TYPE_FLOAT32;
  if ((opcode >= EMBER_OP_BESSEL_J0 && opcode <= EMBER_OP_NDTRI) || (opcode >= EMBER_OP_ZETA && opcode <= EMBER_OP_LEGENDRE_P)) return 80;
  switch (opcode) {
    case EMBER_OP_SQRT:
    case EMBER_OP_RSQRT:
    case EMBER_OP_RECIPROCAL: return 2;
    case EMBER_OP_EXP:
    case EMBER_OP_LOG:
    case EMBER_OP_TANH:
    case EMBER_OP_SIGMOID: return wide ? 8 : 3;
    case EMBER_OP_SIN:
    case EMBER_OP_COS: return wide ? 12 : 5;
    case EMBER_OP_EXP2:
    case EMBER_OP_EXPM1:
    case EMBER_OP_LOG2:
    case EMBER_OP_LOG10:
    case EMBER_OP_LOG1P:
    case EMBER_OP_ERF: return wide ? 25 : 4;
    case EMBER_OP_GELU:
    case EMBER_OP_GELU_GRADIENT: return wide ? 50 : 5;
    case EMBER_OP_TAN:
    case EMBER_OP_ERFC: return wide ? 40 : 8;
    case EMBER_OP_POWER: return wide ? 40 : 10;
    case EMBER_OP_ASIN:
    case EMBER_OP_ACOS:
    case EMBER_OP_ATAN:
    case EMBER_OP_SINH:
    case EMBER_OP_COSH:
    case EMBER_OP_ASINH:
    case EMBER_OP_ACOSH:
    case EMBER_OP_ATANH:
    case EMBER_OP_FMOD:
    case EMBER_OP_REMAINDER:
    case EMBER_OP_ATAN2:
    case EMBER_OP_HYPOT:
    case EMBER_OP_GCD:
    case EMBER_OP_LCM:
    case EMBER_OP_FLOOR_DIVIDE: return 25;
    case EMBER_OP_LGAMMA:
    case EMBER_OP_DIGAMMA:
    case EMBER_OP_POLYGAMMA:
    case EMBER_OP_ERFINV: return 80;
    case EMBER_OP_DIVIDE: return type <= EMBER_TYPE_INT64 ? 10 : 2;
    default: return 1;
  }
}

static int64_t chunk_of_weight(int weight) {
  const int64_t chunk = (INT64_C(65536) / (1 + weight) + 1023) / 1024 * 1024;
  return chunk < 1024 ? 1024 : chunk;
}
int64_t ember_plan_chunk(const ember_plan *plan) { return chunk_of_weight(plan->weight); }
int64_t ember_single_chunk(int opcode, int type) { return chunk_of_weight(operation_weight(opcode, type)); }

// MARK: Building

typedef struct {
  ember_plan *plan;
  const ember_kernel_table *table;
  const ember_program *program;
  // Bytes of scratch for uniform values, and per element of a tile for the others; buffers are numbered first.
  int64_t uniform_bytes;
  int buffer_count;
} builder;

// Until all are known, a location's scratch is its buffer's number.
static int add_location(builder *build, int buffer, size_t size, bool uniform) {
  ember_location *location = &build->plan->locations[build->plan->location_count];
  *location = (ember_location){NULL, buffer, (uint8_t)size, uniform};
  if (uniform) {
    location->scratch = build->uniform_bytes;
    build->uniform_bytes += 16;
  }
  return build->plan->location_count++;
}

static void add_step(builder *build, ember_kernel kernel, int result, int a, int b, int c, unsigned uniform, bool once) {
  build->plan->steps[build->plan->step_count++] = (ember_step){
      kernel, (uint16_t)result, (uint16_t)a, (uint16_t)b, (uint16_t)c, (uint8_t)uniform, once};
}

// Adds the step that turns `from` into a new value, or into `target` if that is a location (>= 0).
static int convert(builder *build, ember_kernel kernel, int from, size_t size, int target) {
  const bool uniform = build->plan->locations[from].uniform;
  int result = target;
  if (target < 0 || uniform) result = add_location(build, uniform ? 0 : build->buffer_count++, size, uniform);
  if (kernel) add_step(build, kernel, result, from, from, from, 0, uniform);
  return result;
}

// Spreads one element over a tile.
#define EMBER_SPREAD(bytes, T)                                                                                          \
  static void spread_##bytes(int64_t n, void *result, const void *a, const void *b, const void *c, unsigned uniform) { \
    (void)b, (void)c, (void)uniform;                                                                                    \
    T *r = result;                                                                                                      \
    const T value = *(const T *)a;                                                                                      \
    for (int64_t i = 0; i < n; i++) r[i] = value;                                                                       \
  }
typedef struct {
  uint64_t low, high;
} element16;
typedef uint16_t element2 __attribute__((may_alias));
typedef uint32_t element4 __attribute__((may_alias, aligned(2)));
typedef uint64_t element8 __attribute__((may_alias, aligned(4)));
typedef element16 element16_any __attribute__((may_alias));
EMBER_SPREAD(1, uint8_t)
EMBER_SPREAD(2, element2)
EMBER_SPREAD(4, element4)
EMBER_SPREAD(8, element8)
EMBER_SPREAD(16, element16_any)

static ember_kernel spread_kernel(size_t size) {
  return size == 1 ? spread_1 : size == 2 ? spread_2 : size == 4 ? spread_4 : size == 8 ? spread_8 : spread_16;
}
static ember_kernel copy_kernel(const ember_kernel_table *table, size_t size) {
  static const uint8_t type_of_size[17] = {[1] = EMBER_TYPE_UINT8, [2] = EMBER_TYPE_INT16, [4] = EMBER_TYPE_INT32,
                                           [8] = EMBER_TYPE_INT64, [16] = EMBER_TYPE_COMPLEX128};
  return table->operations[EMBER_OP_COPY][type_of_size[size]];
}

// The value of input `i` as its computing type.
static int load_input(builder *build, int i) {
  const int dtype = build->program->input_dtype[i], type = build->program->input_type[i];
  if (ember_stored_type(dtype) == type) return i;
  const ember_kernel direct = build->table->loads[dtype][type];
  if (direct) return convert(build, direct, i, ember_type_size(type), -1);
  const int natural = ember_natural_type(dtype);
  int value = i;
  if (ember_stored_type(dtype) != natural)
    value = convert(build, build->table->loads[dtype][natural], i, ember_type_size(natural), -1);
  return convert(build, build->table->casts[natural][type], value, ember_type_size(type), -1);
}

// Whether a value that instruction `at` writes can go straight to output `o`: unless something after it still reads an input
// that lies in the same memory.
static bool may_write_early(const builder *build, int o, int at, void *const *pointers) {
  const ember_program *program = build->program;
  for (int i = 0; i < program->input_count; i++) {
    if (pointers[i] != pointers[program->input_count + o]) continue;
    for (int k = at + 1; k < program->instruction_count; k++) {
      const ember_instruction *later = &program->instructions[k];
      const int count = operand_count(later->opcode);
      if (later->a == i || (count > 1 && later->b == i) || (count > 2 && later->c == i)) return false;
    }
    for (int other = 0; other < program->output_count; other++)
      if (program->output_slot[other] == i) return false;
  }
  return true;
}

static void store_output(builder *build, int o, int value) {
  const ember_program *program = build->program;
  const int type = program->output_type[o], dtype = program->output_dtype[o];
  const int target = program->input_count + o;
  if (value == target) return;
  const size_t size = ember_dtype_size(dtype);
  if (ember_stored_type(dtype) != type) {
    ember_kernel direct = build->table->stores[type][dtype];
    const int natural = ember_natural_type(dtype);
    if (!direct && natural != type) {
      const bool last = ember_stored_type(dtype) == natural;
      value = convert(build, build->table->casts[type][natural], value, ember_type_size(natural), last ? target : -1);
      direct = last ? NULL : build->table->stores[natural][dtype];
    }
    if (direct) value = convert(build, direct, value, size, target);
    if (value == target) return;
  }
  const bool uniform = build->plan->locations[value].uniform;
  add_step(build, uniform ? spread_kernel(size) : copy_kernel(build->table, size), target, value, value, value, 0, false);
}

// A copy of the only input, which nothing else reads: its conversion may write the output itself.
static bool store_only_input(builder *build, const uint8_t *access) {
  const ember_program *program = build->program;
  if (program->input_count != 1 || program->instruction_count != 0 || program->output_count != 1 ||
      program->output_slot[0] != 0 || build->plan->step_count == 0 || access[0] == EMBER_ACCESS_UNIFORM ||
      ember_stored_type(program->output_dtype[0]) != program->output_type[0])
    return false;
  build->plan->steps[build->plan->step_count - 1].result = 1;
  return true;
}

static void place_scratch(builder *build) {
  ember_plan *plan = build->plan;
  int64_t element_bytes = 0;
  int sizes_known = plan->location_count;
  // A buffer is as wide as the widest value that it ever holds. Offsets per element first.
  for (int b = 0; b < build->buffer_count; b++) {
    int widest = 1;
    for (int l = 0; l < sizes_known; l++)
      if (!plan->locations[l].uniform && plan->locations[l].scratch == b && plan->locations[l].size > widest)
        widest = plan->locations[l].size;
    for (int l = 0; l < sizes_known; l++)
      if (!plan->locations[l].uniform && plan->locations[l].scratch == b) {
        // Marked as final by being below -1, so that it is not taken for another buffer's number.
        plan->locations[l].scratch = -2 - element_bytes;
      }
    element_bytes += widest;
  }
  int64_t tile = 1024;
  const int64_t room = (int64_t)sizeof(((ember_runner *)0)->inline_scratch) - build->uniform_bytes - 64;
  if (element_bytes > 0) {
    // Tiles shrink to fit a thread's buffers in the first-level cache, but not so far that starting kernels dominates.
    while (tile > 128 && tile * element_bytes > room) tile /= 2;
  } else {
    tile = INT64_MAX;
  }
  plan->tile = tile;
  const int64_t uniform_bytes = (build->uniform_bytes + 63) / 64 * 64;
  for (int l = 0; l < sizes_known; l++) {
    ember_location *location = &plan->locations[l];
    if (!location->uniform && location->scratch < -1) location->scratch = uniform_bytes + (-2 - location->scratch) * tile;
  }
  plan->scratch_bytes = uniform_bytes + (element_bytes > 0 ? element_bytes * tile : 0);
}

bool ember_plan_make(ember_plan *plan, const ember_program *program, void *const *pointers, const uint8_t *access) {
  const int operands = program->input_count + program->output_count;
  const int slots = program->input_count + program->constant_count + program->register_count;
  // At most two conversions per operand, one place per constant and instruction.
  const int location_limit = 3 * operands + program->constant_count + program->instruction_count;
  const int step_limit = 3 * operands + program->instruction_count;
  // Where each slot's present value is, which of a register's two buffers that is, and the output that takes the last value.
  enum { INLINE_SLOTS = 64 };
  uint16_t inline_values[INLINE_SLOTS];
  int16_t inline_outputs[INLINE_SLOTS];
  bool inline_second[INLINE_SLOTS];
  uint16_t *values = inline_values;
  int16_t *outputs = inline_outputs;
  bool *second = inline_second;
  plan->locations = plan->inline_locations;
  plan->steps = plan->inline_steps;
  plan->allocated = NULL;
  if (location_limit > 0xffff) return false;
  if (location_limit > EMBER_INLINE_LOCATIONS || step_limit > EMBER_INLINE_STEPS || slots > INLINE_SLOTS) {
    const size_t location_bytes = (size_t)location_limit * sizeof(ember_location);
    const size_t step_bytes = (size_t)step_limit * sizeof(ember_step);
    char *memory = malloc(location_bytes + step_bytes + (size_t)slots * (sizeof *values + sizeof *outputs + sizeof *second));
    if (!memory) {
      ember_note_scratch_failure();
      return false;
    }
    plan->allocated = memory;
    plan->locations = (ember_location *)memory;
    plan->steps = (ember_step *)(memory + location_bytes);
    values = (uint16_t *)(memory + location_bytes + step_bytes);
    outputs = (int16_t *)(values + slots);
    second = (bool *)(outputs + slots);
  }
  plan->input_count = program->input_count;
  plan->operand_count = plan->location_count = operands;
  plan->step_count = 0;
  plan->weight = 0;
  builder building = {plan, ember_kernels(ember_isa_current()), program, 0, 2 * program->register_count};
  builder *build = &building;

  for (int o = 0; o < operands; o++) {
    const int dtype = o < program->input_count ? program->input_dtype[o] : program->output_dtype[o - program->input_count];
    plan->locations[o] = (ember_location){pointers[o], access[o] == EMBER_ACCESS_BUFFERED ? build->buffer_count++ : -1,
                                          (uint8_t)ember_dtype_size(dtype), access[o] == EMBER_ACCESS_UNIFORM};
  }
  for (int s = 0; s < slots; s++) values[s] = 0, outputs[s] = -1, second[s] = false;
  for (int i = 0; i < program->input_count; i++) {
    values[i] = (uint16_t)load_input(build, i);
    if (values[i] != i) plan->weight++;
  }
  for (int k = 0; k < program->constant_count; k++) {
    ember_location *location = &plan->locations[plan->location_count];
    *location = (ember_location){(char *)&program->constants[k], -1, (uint8_t)ember_type_size(program->constant_type[k]), true};
    values[program->input_count + k] = (uint16_t)plan->location_count++;
  }
  const int first_register = program->input_count + program->constant_count;
  // For each register, the output that its last value goes straight to.
  for (int o = program->output_count - 1; o >= 0; o--) {
    if (ember_stored_type(program->output_dtype[o]) != program->output_type[o]) {
      plan->weight++;
      continue;
    }
    if (program->output_slot[o] >= first_register && program->output_slot[o] < slots) outputs[program->output_slot[o]] = (int16_t)o;
  }

  for (int k = 0; k < program->instruction_count; k++) {
    const ember_instruction *instruction = &program->instructions[k];
    const int count = operand_count(instruction->opcode), slot = instruction->result;
    const uint16_t from[3] = {instruction->a, count > 1 ? instruction->b : instruction->a,
                              count > 2 ? instruction->c : instruction->a};
    if (slot < first_register || slot >= slots || from[0] >= slots || from[1] >= slots || from[2] >= slots) continue;
    const size_t size = instruction->result_type < EMBER_TYPE_COUNT ? ember_type_size(instruction->result_type) : 16;
    unsigned uniform = 0;
    bool widths_differ = false;
    for (int j = 0; j < count; j++) {
      const ember_location *operand = &plan->locations[values[from[j]]];
      if (operand->uniform) uniform |= 1u << j;
      if (from[j] == slot && operand->size != size) widths_differ = true;
    }
    const bool once = uniform == (1u << count) - 1;
    const uint16_t a = values[from[0]], b = values[from[1]], c = values[from[2]];
    // A kernel whose result is wider or narrower than an operand must not write over it: the register's other buffer.
    if (widths_differ) second[slot] = !second[slot];
    int result = -1;
    const int output = outputs[slot];
    if (output >= 0 && !once) {
      bool last = true;
      for (int later = k + 1; last && later < program->instruction_count; later++)
        last = program->instructions[later].result != slot;
      if (last && may_write_early(build, output, k, pointers)) result = program->input_count + output;
    }
    if (result < 0) result = add_location(build, 2 * (slot - first_register) + second[slot], size, once);
    values[slot] = (uint16_t)result;
    const ember_kernel kernel = find_kernel(build->table, instruction);
    if (!kernel) continue;
    plan->weight += operation_weight(instruction->opcode, instruction->type);
    add_step(build, kernel, result, a, b, c, once ? 0 : uniform, once);
  }

  if (!store_only_input(build, access))
    for (int o = 0; o < program->output_count; o++)
      if (program->output_slot[o] < slots) store_output(build, o, values[program->output_slot[o]]);
  if (plan->weight == 0) plan->weight = 1;
  place_scratch(build);
  return true;
}

void ember_plan_end(ember_plan *plan) { free(plan->allocated); }

// MARK: Running

bool ember_runner_start(ember_runner *runner, const ember_plan *plan) {
  runner->addresses = runner->inline_addresses;
  runner->scratch = runner->inline_scratch;
  runner->allocated = NULL;
  const bool many = plan->location_count > EMBER_INLINE_LOCATIONS;
  const bool large = plan->scratch_bytes > (int64_t)sizeof runner->inline_scratch;
  if (many || large) {
    const size_t address_bytes = many ? ((size_t)plan->location_count * sizeof(char *) + 63) / 64 * 64 : 0;
    char *memory = aligned_alloc(64, (address_bytes + (large ? (size_t)plan->scratch_bytes : 0) + 63) / 64 * 64);
    if (!memory) return false;
    runner->allocated = memory;
    if (many) runner->addresses = (char **)memory;
    if (large) runner->scratch = memory + address_bytes;
  }
  for (int l = 0; l < plan->location_count; l++)
    runner->addresses[l] = plan->locations[l].scratch >= 0 ? runner->scratch + plan->locations[l].scratch
                                                           : plan->locations[l].address;
  return true;
}

void ember_runner_end(ember_runner *runner) { free(runner->allocated); }
