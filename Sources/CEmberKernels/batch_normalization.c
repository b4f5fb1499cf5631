// Batch normalisation: pieces of channels, their statistics, and who works on what.
#include "ember_batch_normalization.h"


#include "batch_normalization_internal.h"
#include "ember_allocator.h"

enum {
  CHUNK_ELEMENTS = 8192,    // of a chunk, at least: less is not worth handing to another thread
  PIECE_ELEMENTS = 32768,   // of a piece, about: half of a second-level cache
  FEW_CHANNELS = 16,        // fewer are cut into pieces that threads share
};

/// What is known of one piece or one channel.
typedef struct {
  double first, second;  // mean and Σ(x - mean)², or Σdy and Σdy·(x - mean)
} batch_norm_sums;

typedef struct {
  batch_norm_job job;
  const batch_norm_functions *functions;
  // A channel has images_cut * parts pieces: every `images` images, and of each image `parts` parts of `part` elements.
  int64_t images, images_cut, part, parts, pieces;
  int64_t per_chunk;      // channels or strips of columns
  batch_norm_sums *sums;  // of each piece of each channel, for few channels
} batch_norm_loop;

static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

static double statistic(const batch_norm_job *job, const void *values, int64_t channel) {
  return element_load_double(floating_statistics(job->dtype), values, channel);
}
static void set_statistic(const batch_norm_job *job, void *values, int64_t channel, double x) {
  element_store_double(floating_statistics(job->dtype), values, channel, x);
}
static double parameter(const batch_norm_job *job, const void *values, int64_t channel, double otherwise) {
  return values ? element_load_double(job->dtype, values, channel) : otherwise;
}

static batch_norm_piece piece_of(const batch_norm_loop *loop, int64_t channel, int64_t index) {
  const batch_norm_job *job = &loop->job;
  batch_norm_piece piece = {.channel = channel, .image = index / loop->parts * loop->images, .start = index % loop->parts * loop->part};
  const int64_t images = job->batch - piece.image, count = job->spatial - piece.start;
  piece.images = images < loop->images ? images : loop->images;
  piece.count = count < loop->part ? count : loop->part;
  return piece;
}

// MARK: Steps of one channel

static void piece_sums(const batch_norm_loop *loop, bool backward, const batch_norm_piece *piece, batch_norm_sums *sums) {
  if (backward)
    loop->functions->sums(&loop->job, piece, statistic(&loop->job, loop->job.mean, piece->channel), &sums->first, &sums->second);
  else
    loop->functions->moments(&loop->job, piece, &sums->first, &sums->second);
}

/// Joins what is known of elements before to a piece (moments by Chan, Golub and LeVeque, 1983).
static void join(batch_norm_sums *total, int64_t before, const batch_norm_sums *sums, int64_t count, bool backward) {
  if (backward) {
    total->first += sums->first;
    total->second += sums->second;
  } else {
    const double share = (double)count / (double)(before + count), delta = sums->first - total->first;
    total->second += sums->second + delta * delta * (double)before * share;
    total->first += delta * share;
  }
}

/// From the sums of a channel to its statistics or to its weights' gradients.
static void finish_channel(const batch_norm_job *job, int64_t channel, bool backward, const batch_norm_sums *total) {
  if (backward) {
    const double rstd = statistic(job, job->rstd, channel);
    if (job->dweight) element_store_double(job->dtype, job->dweight, channel, total->second * rstd);
    if (job->dbias) element_store_double(job->dtype, job->dbias, channel, total->first);
  } else {
    if (job->training) {
      set_statistic(job, job->mean, channel, total->first);
      set_statistic(job, job->variance, channel, total->second / (double)(job->batch * job->spatial));
    }
    set_statistic(job, job->rstd, channel, 1 / sqrt(statistic(job, job->variance, channel) + job->epsilon));
  }
}

static void apply_piece(const batch_norm_loop *loop, bool backward, const batch_norm_piece *piece, const batch_norm_sums *total) {
  const batch_norm_job *job = &loop->job;
  const double mean = statistic(job, job->mean, piece->channel), rstd = statistic(job, job->rstd, piece->channel);
  const double scale = rstd * parameter(job, job->weight, piece->channel, 1);
  if (!backward) return loop->functions->apply(job, piece, mean, scale, parameter(job, job->bias, piece->channel, 0));
  const double count = (double)(job->batch * job->spatial);
  const double a = job->training ? total->first / count : 0, b = job->training ? total->second / count * rstd * rstd : 0;
  loop->functions->gradient(job, piece, mean, a, b, scale);
}

static bool needs_sums(const batch_norm_job *job, bool backward) {
  return backward ? job->training || job->dweight || job->dbias : job->training;
}

// MARK: Many channels, one or more to a chunk

static void run_channels(const batch_norm_loop *loop, int64_t chunk, bool backward) {
  const int64_t end = (chunk + 1) * loop->per_chunk < loop->job.channels ? (chunk + 1) * loop->per_chunk : loop->job.channels;
  for (int64_t channel = chunk * loop->per_chunk; channel < end; channel++) {
    batch_norm_sums total = {0, 0};
    if (needs_sums(&loop->job, backward)) {
      int64_t before = 0;
      for (int64_t i = 0; i < loop->pieces; i++) {
        const batch_norm_piece piece = piece_of(loop, channel, i);
        batch_norm_sums sums;
        piece_sums(loop, backward, &piece, &sums);
        join(&total, before, &sums, piece.images * piece.count, backward);
        before += piece.images * piece.count;
      }
    }
    finish_channel(&loop->job, channel, backward, &total);
    if (!loop->job.y) continue;
    // The last pieces are still in the cache.
    for (int64_t i = loop->pieces - 1; i >= 0; i--) {
      const batch_norm_piece piece = piece_of(loop, channel, i);
      apply_piece(loop, backward, &piece, &total);
    }
  }
}

static void forward_channels(void *context, int64_t chunk) { run_channels(context, chunk, false); }
static void backward_channels(void *context, int64_t chunk) { run_channels(context, chunk, true); }

// MARK: Few channels, a piece to a chunk

static void sums_of_pieces(batch_norm_loop *loop, int64_t chunk, bool backward) {
  const batch_norm_piece piece = piece_of(loop, chunk / loop->pieces, chunk % loop->pieces);
  piece_sums(loop, backward, &piece, &loop->sums[chunk]);
}
static void forward_sums(void *context, int64_t chunk) { sums_of_pieces(context, chunk, false); }
static void backward_sums(void *context, int64_t chunk) { sums_of_pieces(context, chunk, true); }

static void apply_to_piece(batch_norm_loop *loop, int64_t chunk, bool backward) {
  const batch_norm_piece piece = piece_of(loop, chunk / loop->pieces, chunk % loop->pieces);
  apply_piece(loop, backward, &piece, &loop->sums[piece.channel * loop->pieces]);
}
static void forward_pieces(void *context, int64_t chunk) { apply_to_piece(context, chunk, false); }
static void backward_pieces(void *context, int64_t chunk) { apply_to_piece(context, chunk, true); }

static void run_few_channels(batch_norm_loop *loop, bool backward) {
  const int64_t count = loop->job.channels * loop->pieces;
  const size_t bytes = (size_t)count * sizeof(batch_norm_sums);
  loop->sums = ember_scratch(bytes);
  if (!loop->sums) return;
  const bool summing = needs_sums(&loop->job, backward);
  if (summing) ember_parallel(count, backward ? backward_sums : forward_sums, loop);
  for (int64_t channel = 0; channel < loop->job.channels; channel++) {
    batch_norm_sums total = {0, 0};
    int64_t before = 0;
    for (int64_t i = 0; summing && i < loop->pieces; i++) {
      const batch_norm_piece piece = piece_of(loop, channel, i);
      join(&total, before, &loop->sums[channel * loop->pieces + i], piece.images * piece.count, backward);
      before += piece.images * piece.count;
    }
    finish_channel(&loop->job, channel, backward, &total);
    loop->sums[channel * loop->pieces] = total;
  }
  if (loop->job.y) ember_parallel(count, backward ? backward_pieces : forward_pieces, loop);
  ember_deallocate(loop->sums, bytes);
}

// MARK: Matrices

static void run_columns(const batch_norm_loop *loop, int64_t chunk, bool backward) {
  const int64_t channels = loop->job.channels, step = BATCH_NORM_COLUMNS;
  for (int64_t i = chunk * loop->per_chunk; i < (chunk + 1) * loop->per_chunk && i * step < channels; i++) {
    const int64_t width = channels - i * step < step ? channels - i * step : step;
    (backward ? loop->functions->columns_backward : loop->functions->columns)(&loop->job, i * step, width);
  }
}
static void forward_columns(void *context, int64_t chunk) { run_columns(context, chunk, false); }
static void backward_columns(void *context, int64_t chunk) { run_columns(context, chunk, true); }

// MARK: The interface

static void run(batch_norm_loop *loop, bool backward) {
  const batch_norm_job *job = &loop->job;
  if (job->channels <= 0) return;
  loop->functions = &EMBER_ISA_PICK(batch_norm_kernels, ember_isa_current()).of_dtype[floating_index(job->dtype)];
  const int64_t elements = job->batch * job->spatial;
  if (elements <= 0) {
    const batch_norm_sums nothing = {0, 0};
    for (int64_t channel = 0; channel < job->channels; channel++) finish_channel(job, channel, backward, &nothing);
  } else if (job->spatial == 1) {
    const int64_t strips = divide_up(job->channels, BATCH_NORM_COLUMNS);
    loop->per_chunk = divide_up(CHUNK_ELEMENTS, elements * BATCH_NORM_COLUMNS);
    ember_parallel(divide_up(strips, loop->per_chunk), backward ? backward_columns : forward_columns, loop);
  } else {
    loop->images = PIECE_ELEMENTS / job->spatial > 1 ? PIECE_ELEMENTS / job->spatial : 1;
    loop->images_cut = divide_up(job->batch, loop->images);
    loop->parts = divide_up(job->spatial, PIECE_ELEMENTS);
    loop->part = divide_up(job->spatial, loop->parts);
    loop->pieces = loop->images_cut * loop->parts;
    loop->per_chunk = divide_up(CHUNK_ELEMENTS, elements);
    if (job->channels < FEW_CHANNELS && loop->pieces > 1)
      run_few_channels(loop, backward);
    else
      ember_parallel(divide_up(job->channels, loop->per_chunk), backward ? backward_channels : forward_channels, loop);
  }
}

void ember_batch_norm(int dtype, bool training, const void *x, const void *weight, const void *bias, double epsilon,
                      void *mean, void *variance, void *rstd, void *y, int64_t batch, int64_t channels, int64_t spatial) {
  batch_norm_loop loop = {.job = {.dtype = dtype, .training = training, .x = x, .weight = weight, .bias = bias, .y = y, .mean = mean,
                                  .variance = variance, .rstd = rstd, .epsilon = epsilon, .batch = batch, .channels = channels,
                                  .spatial = spatial}};
  run(&loop, false);
}

void ember_batch_norm_backward(int dtype, bool training, const void *dy, const void *x, const void *mean, const void *rstd,
                               const void *weight, void *dx, void *dweight, void *dbias,
                               int64_t batch, int64_t channels, int64_t spatial) {
  // Statistics are only read here, through the fields that a forward pass writes.
  batch_norm_loop loop = {.job = {.dtype = dtype, .training = training, .x = x, .dy = dy, .weight = weight, .y = dx,
                                  .mean = (void *)(uintptr_t)mean, .rstd = (void *)(uintptr_t)rstd, .dweight = dweight, .dbias = dbias,
                                  .batch = batch, .channels = channels, .spatial = spatial}};
  run(&loop, true);
}
