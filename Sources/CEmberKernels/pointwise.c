// Running pointwise programs over contiguous operands.
#include <string.h>

#include "bodies/isa.h"
#include "pointwise_internal.h"

// MARK: One instruction

// Where a slot of a one-instruction program is, as stored; NULL if it is an input that needs a conversion, or no such slot.
static inline const void *direct_operand(const ember_program *program, void *const *pointers, const uint8_t *uniform,
                                         unsigned slot, bool *is_uniform) {
  if (slot < (unsigned)program->input_count) {
    *is_uniform = uniform && uniform[slot];
    return ember_stored_type(program->input_dtype[slot]) == program->input_type[slot] ? pointers[slot] : NULL;
  }
  slot -= (unsigned)program->input_count;
  *is_uniform = true;
  return slot < (unsigned)program->constant_count ? &program->constants[slot] : NULL;
}

typedef struct {
  ember_kernel kernel;
  char *result;
  const char *operands[3];
  int64_t steps[3], result_step;
  unsigned uniform;
  int64_t count, chunk;
} single_work;

static void run_single_chunk(void *context, int64_t index) {
  const single_work *work = context;
  const int64_t start = index * work->chunk;
  const int64_t n = work->count - start < work->chunk ? work->count - start : work->chunk;
  work->kernel(n, work->result + start * work->result_step, work->operands[0] + start * work->steps[0],
               work->operands[1] + start * work->steps[1], work->operands[2] + start * work->steps[2], work->uniform);
}

// A program of one instruction whose operands and result need no conversion runs without a plan. False if it is not such a one.
static inline bool run_single(const ember_program *program, void *const *pointers, const uint8_t *uniform, int64_t count) {
  const ember_instruction *instruction = &program->instructions[0];
  const unsigned opcode = instruction->opcode, type = instruction->type;
  if (program->output_count != 1 || program->output_slot[0] != instruction->result || opcode >= EMBER_OP_COUNT ||
      opcode == EMBER_OP_CAST || type >= EMBER_TYPE_COUNT ||
      ember_stored_type(program->output_dtype[0]) != instruction->result_type)
    return false;
  const int operand_count = opcode >= EMBER_OP_SELECT ? 3 : opcode >= EMBER_OP_ADD ? 2 : 1;
  bool uniform_a = false, uniform_b = true, uniform_c = true;
  const void *a = direct_operand(program, pointers, uniform, instruction->a, &uniform_a), *b = a, *c = a;
  if (operand_count > 1) b = direct_operand(program, pointers, uniform, instruction->b, &uniform_b);
  if (operand_count > 2) c = direct_operand(program, pointers, uniform, instruction->c, &uniform_c);
  const ember_kernel kernel = ember_kernels(ember_isa_current())->operations[opcode][type];
  if (!a || !b || !c || !kernel || (uniform_a && uniform_b && uniform_c)) return false;
  unsigned mask = uniform_a | (unsigned)uniform_b << 1 | (unsigned)uniform_c << 2;
  mask &= (1u << operand_count) - 1;
  void *result = pointers[program->input_count];
  // The cheapest operation's chunk is 32 Ki elements; below 1 Ki not even the dearest is worth dividing.
  if (count <= 1024) {
    kernel(count, result, a, b, c, mask);
    return true;
  }
  // A large result is made tile by tile, see below.
  if (count * 4 >= EMBER_STREAMED_BYTES && instruction->result_type == EMBER_TYPE_FLOAT32) return false;
  const int64_t chunk = ember_single_chunk((int)opcode, (int)type);
  if (count <= chunk) {
    kernel(count, result, a, b, c, mask);
    return true;
  }
  const int64_t size = (int64_t)ember_type_size((int)type);
  const int64_t size_a = opcode == EMBER_OP_SELECT ? 1 : size;
  single_work work = {kernel, result, {a, b, c}, {uniform_a ? 0 : size_a, uniform_b ? 0 : size, uniform_c ? 0 : size},
                      (int64_t)ember_type_size(instruction->result_type), mask, count, chunk};
  ember_parallel((count + chunk - 1) / chunk, run_single_chunk, &work);
  return true;
}

// MARK: Programs

typedef struct {
  const ember_plan *plan;
  int64_t count, chunk;
  /// Outputs that are made in a buffer of the tile and go to memory past the cache.
  bool streamed;
} flat_work;

enum {
  STREAMED_OUTPUTS = 2,
  STREAMED_TILE = 1024,
  STREAMED_BYTES = STREAMED_TILE * 4,
};

/// Large outputs of float32, alone: each tile is made in the cache and then stored past it.
static bool is_streamed(const ember_program *program, const ember_plan *plan, void *const *pointers, int64_t count) {
  if (count * 4 < EMBER_STREAMED_BYTES || program->output_count > STREAMED_OUTPUTS || plan->tile < 256) return false;
  for (int o = 0; o < program->output_count; o++)
    if (program->output_dtype[o] != EMBER_FLOAT32 || (uintptr_t)pointers[program->input_count + o] % 64 != 0) return false;
  return true;
}

static void run_streamed_chunk(void *context, int64_t index) {
  const flat_work *work = context;
  const ember_plan *plan = work->plan;
  ember_runner runner;
  if (!ember_runner_start(&runner, plan)) return;
  _Alignas(64) char tile[STREAMED_OUTPUTS][STREAMED_BYTES];
  const ember_stream stream = ember_kernels(ember_isa_current())->stream;
  const int first_output = plan->input_count, size = plan->tile < STREAMED_TILE ? (int)plan->tile : STREAMED_TILE;
  const int64_t start = index * work->chunk, end = start + work->chunk < work->count ? start + work->chunk : work->count;
  for (int64_t at = start; at < end; at += size) {
    const int64_t n = end - at < size ? end - at : size;
    for (int o = 0; o < plan->operand_count; o++) {
      const ember_location *operand = &plan->locations[o];
      if (o >= first_output) runner.addresses[o] = tile[o - first_output];
      else if (!operand->uniform) runner.addresses[o] = operand->address + at * operand->size;
    }
    ember_run_steps(plan, &runner, n);
    for (int o = first_output; o < plan->operand_count; o++) stream(plan->locations[o].address + at * 4, tile[o - first_output], n * 4);
  }
#if defined(__x86_64__)
  __builtin_ia32_sfence();
#endif
  ember_runner_end(&runner);
}

static void run_flat_chunk(void *context, int64_t index) {
  const flat_work *work = context;
  const ember_plan *plan = work->plan;
  ember_runner runner;
  if (!ember_runner_start(&runner, plan)) return;
  int64_t start = index * work->chunk;
  int64_t left = work->count - start < work->chunk ? work->count - start : work->chunk;
  while (left > 0) {
    const int64_t n = left < plan->tile ? left : plan->tile;
    for (int o = 0; o < plan->operand_count; o++) {
      const ember_location *operand = &plan->locations[o];
      if (!operand->uniform) runner.addresses[o] = operand->address + start * operand->size;
    }
    ember_run_steps(plan, &runner, n);
    start += n;
    left -= n;
  }
  ember_runner_end(&runner);
}

void ember_pointwise_flat(const ember_program *program, void *const *pointers, const uint8_t *uniform, int64_t count) {
  if (count <= 0) return;
  // One element each: nothing to repeat.
  if (count == 1) uniform = NULL;
  if (program->instruction_count == 1 && run_single(program, pointers, uniform, count)) return;
  enum { INLINE_OPERANDS = 64 };
  const int operands = program->input_count + program->output_count;
  uint8_t inline_access[INLINE_OPERANDS];
  uint8_t *access = ember_borrow(inline_access, sizeof inline_access, (size_t)operands);
  if (!access) return;
  for (int o = 0; o < operands; o++)
    access[o] = o < program->input_count && uniform && uniform[o] ? EMBER_ACCESS_UNIFORM : EMBER_ACCESS_DIRECT;
  ember_plan plan;
  if (ember_plan_make(&plan, program, pointers, access)) {
    flat_work work = {&plan, count, ember_plan_chunk(&plan), is_streamed(program, &plan, pointers, count)};
    ember_parallel((count + work.chunk - 1) / work.chunk, work.streamed ? run_streamed_chunk : run_flat_chunk, &work);
    ember_plan_end(&plan);
  }
  ember_give_back(access, inline_access);
}
