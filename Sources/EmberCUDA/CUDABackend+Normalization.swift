import EmberRuntime

/// How many elements one access moves where arrays begin at `pointers` and have rows of `extent` elements.
func vectorWidth(_ dtype: DType, _ extent: Int, _ pointers: [UnsafeMutableRawPointer?]) -> Int {
  max(1, widestAccess(extent * dtype.size, pointers) / dtype.size)
}

/// Row normalisation: dense tensors of float16, bfloat16, float32 or float64; statistics are float32, or float64 for float64. The result and
/// its gradient may be of another dtype than the rest, but float64 goes with itself alone.
extension CUDABackend {
  /// y = (x - mean) · rstd · weight + bias over rows [rows, n]; without `mean`, root-mean-square normalisation.
  package func normalizeRows(
    _ x: Operand, weight: Operand?, bias: Operand?, epsilon: Double, into y: Operand, mean: Operand?, rstd: Operand, rows: Int, count n: Int
  ) {
    if rows == 0 || n == 0 { return }
    let dtype = x.dtype
    let width = min(vectorWidth(dtype, n, [x.pointer, weight?.pointer, bias?.pointer]), vectorWidth(y.dtype, n, [y.pointer]))
    // Elements that a thread holds.
    let held = width == 1 || dtype == .float64 ? 8 : 32
    func add(_ arguments: inout LaunchArguments) {
      arguments.add(x.pointer)
      arguments.add(weight?.pointer)
      arguments.add(bias?.pointer)
      arguments.add(y.pointer)
      arguments.add(mean?.pointer)
      arguments.add(rstd.pointer)
      arguments.add(epsilon)
    }
    if n > 1024 * held {
      launch(.normalization, "normalize_long_rows", [.type(dtype), .type(y.dtype), .number(width)], blocks: rows, threads: 1024) {
        add(&$0)
        $0.add(Int64(n))
      }
      return
    }
    let isWarp = n <= 32 * held, ownHeld = isWarp ? quotientRoundedUp(n, 32 * width) * width : held
    // With few rows, more threads for each.
    let share = rows < multiprocessorCount ? width : held
    let threads = isWarp ? 128 : min(1024, quotientRoundedUp(quotientRoundedUp(n, share), 32) * 32)
    launch(
      .normalization, "normalize_rows", [.type(dtype), .type(y.dtype), .number(width), .number(ownHeld / width), .flag(isWarp)],
      blocks: isWarp ? quotientRoundedUp(rows, 4) : rows, threads: threads
    ) {
      add(&$0)
      $0.add(Int64(rows))
      $0.add(Int32(n))
    }
  }

  /// The gradients that are wanted of x, weight and bias.
  package func normalizeRowsBackward(
    _ dy: Operand, _ x: Operand, mean: Operand?, rstd: Operand, weight: Operand?, dx: Operand?, dweight: Operand?, dbias: Operand?,
    rows: Int, count n: Int
  ) {
    let dtype = x.dtype
    if rows == 0 || n == 0 {
      for result in [dweight, dbias] { fillZero(result?.pointer, byteCount: n * dtype.size) }
      return
    }
    let width = min(vectorWidth(dtype, n, [x.pointer, weight?.pointer, dx?.pointer]), vectorWidth(dy.dtype, n, [dy.pointer]))
    // As many as fit into a thread's registers beside the sums of the parameters' gradients.
    let heldByWarp = width == 1 || dtype == .float64 ? 8 : dtype == .float32 ? 24 : 32
    let heldByBlock = width == 1 || dtype == .float64 ? 8 : 16
    let isSumming = dweight != nil || dbias != nil, statistic = dtype == .float64 ? 8 : 4
    func add(_ arguments: inout LaunchArguments, _ result: UnsafeMutableRawPointer?) {
      for pointer in [dy.pointer, x.pointer, mean?.pointer, rstd.pointer, weight?.pointer, result] { arguments.add(pointer) }
    }
    func summing(_ pieces: Int, _ body: (UnsafeMutableRawPointer?) -> Void) {
      if !isSumming { return body(nil) }
      withScratch(pieces * 2 * n * statistic) {
        body($0)
        sumNormalizationPartials($0, dtype, dweight, dbias, pieces: pieces, count: n)
      }
    }
    if n > 512 * heldByBlock {
      if let dx {
        launch(.normalization, "normalize_long_rows_backward", [.type(dtype), .type(dy.dtype), .number(width)], blocks: rows, threads: 1024) {
          add(&$0, dx.pointer)
          $0.add(Int64(n))
        }
      }
      if !isSumming { return }
      let strips = quotientRoundedUp(n, 32 * width), chunk = rowsOfChunk(rows, strips: strips), pieces = quotientRoundedUp(rows, chunk)
      summing(pieces) { partials in
        launch(
          .normalization, "normalize_long_rows_columns", [.type(dtype), .type(dy.dtype), .number(width)], blocks: strips, blocksY: pieces, threads: 256
        ) {
          for pointer in [dy.pointer, x.pointer, mean?.pointer, rstd.pointer, partials] { $0.add(pointer) }
          $0.add(Int64(rows))
          $0.add(Int64(n))
          $0.add(Int64(chunk))
        }
      }
      return
    }
    let isWarp = n <= 32 * heldByWarp, held = isWarp ? quotientRoundedUp(n, 32 * width) * width : heldByBlock
    let threads = isWarp ? 128 : quotientRoundedUp(quotientRoundedUp(n, held), 32) * 32
    // As many blocks as run at the same time: each sums the parameters' gradients of the rows that it takes.
    let resident = multiprocessorCount * max(1, 512 / threads)
    let pieces = min(isWarp ? quotientRoundedUp(rows, 4) : rows, resident)
    summing(pieces) { partials in
      launch(
        .normalization, "normalize_rows_backward", [.type(dtype), .type(dy.dtype), .number(width), .number(held / width), .flag(isWarp)], blocks: pieces,
        threads: threads, sharedBytes: isWarp && isSumming ? 2 * n * statistic : 0
      ) {
        add(&$0, dx?.pointer)
        $0.add(partials)
        $0.add(Int64(rows))
        $0.add(Int32(n))
      }
    }
  }

  /// Sums partials [pieces][2][count] into two arrays.
  private func sumNormalizationPartials(
    _ partials: UnsafeMutableRawPointer, _ dtype: DType, _ first: Operand?, _ second: Operand?, pieces: Int, count: Int
  ) {
    launch(
      .normalization, "sum_normalization_partials", [.type(dtype)], blocks: quotientRoundedUp(2 * count, 32), threads: 1024
    ) {
      $0.add(partials)
      $0.add(first?.pointer)
      $0.add(second?.pointer)
      $0.add(Int64(pieces))
      $0.add(Int64(count))
    }
  }

  /// How many rows of a matrix a block takes that works on one of `strips` of its columns.
  private func rowsOfChunk(_ rows: Int, strips: Int) -> Int {
    let chunks = max(1, min(multiprocessorCount * 8 / strips, quotientRoundedUp(rows, 32), 2048))
    return quotientRoundedUp(rows, chunks)
  }
}

/// Where the elements of sets (channels of a batch, groups of channels, single planes) lie: as `PlaneSets` of the kernels.
private struct PlaneSets: BitwiseCopyable {
  var sets: Int64
  var planes: Int64
  var length: Int64
  var setStride: Int64
  var planeStride: Int64
  var piece: Int64 = 0
  var pieces: Int64 = 0
  var stepPlanes: Int64 = 0
  var stepRest: Int64 = 0

  /// Each channel over the batch.
  init(channelsOf sizes: CUDABackend.ChannelSizes) {
    (sets, planes, length) = (Int64(sizes.channels), Int64(sizes.batch), Int64(sizes.spatial))
    (setStride, planeStride) = (length, sets * length)
  }

  /// Sets of neighbours in memory.
  init(_ count: Int, runsOf elements: Int) {
    (sets, planes, length) = (Int64(count), 1, Int64(elements))
    (setStride, planeStride) = (length, length)
  }

  /// Cuts the sets into pieces, for warps or for blocks, so that about `blocks` blocks have work.
  mutating func cut(width: Int, blocks: Int) -> (isWarp: Bool, blocks: Int) {
    let total = Int(planes * length), sets = Int(sets)
    let isWarp = total <= 512 || total <= 4096 && sets >= blocks
    var count = 1
    if !isWarp { count = max(1, min(blocks / sets, total / (1024 * width), 1024)) }
    piece = Int64(max(1, quotientRoundedUp(quotientRoundedUp(total, count), width)) * width)
    pieces = Int64(quotientRoundedUp(total, Int(piece)))
    let step = Int64((isWarp ? 32 : 256) * width)
    (stepPlanes, stepRest) = (step / length, step % length)
    let all = sets * Int(pieces)
    return (isWarp, isWarp ? quotientRoundedUp(all, 8) : all)
  }
}

/// Normalisation of sets of planes. Dense tensors of float16, bfloat16, float32 or float64; statistics are float32, or float64 for float64.
/// Weight and bias may be float32 beside 16-bit numbers.
extension CUDABackend {
  /// The sizes of a normalisation of x [batch, channels, spatial].
  package struct ChannelSizes {
    var batch: Int
    var channels: Int
    var spatial: Int
    /// Nil: each channel has statistics of its own over the batch.
    var groups: Int?

    package init(batch: Int, channels: Int, spatial: Int, groups: Int?) {
      (self.batch, self.channels, self.spatial, self.groups) = (batch, channels, spatial, groups)
    }

    /// Sets of elements with one mean, planes of a set that have coefficients of their own, elements of a set.
    var sets: Int { groups.map { batch * $0 } ?? channels }
    var planesOfSet: Int { groups.map { channels / $0 } ?? 1 }
    var elementsOfSet: Int { groups.map { channels / $0 * spatial } ?? batch * spatial }
    var planes: Int { groups == nil ? channels : batch * channels }
    var elements: Int { batch * channels * spatial }
    /// Channels are the columns of a matrix.
    var areColumns: Bool { groups == nil && spatial == 1 }
  }

  /// y = (x - mean) · rstd · weight + bias for each group of channels or each channel. With `isFixed`, mean and variance are given; else
  /// they are those of x, and written.
  package func normalizeChannels(
    _ x: Operand, weight: Operand?, bias: Operand?, epsilon: Double, isFixed: Bool = false, mean: Operand, variance: Operand?,
    rstd: Operand, into y: Operand, _ sizes: ChannelSizes
  ) {
    if sizes.groups == 1, sizes.spatial == 1 {
      return normalizeRows(
        x, weight: weight, bias: bias, epsilon: epsilon, into: y, mean: mean, rstd: rstd, rows: sizes.batch, count: sizes.channels)
    }
    if sizes.sets == 0 { return }
    let dtype = x.dtype, width = widthOfChannels(dtype, sizes, [x.pointer, y.pointer])
    let statistic = dtype == .float64 ? 8 : 4
    withMoments(x, width: width, isFixed || sizes.elements == 0 ? nil : sizes) { moments, pieces in
      withScratch(sizes.planes * 4 * statistic) { coefficients in
        let parameters = weight?.dtype ?? bias?.dtype ?? dtype
        launch(.normalization, "normalization_coefficients", [.type(parameters)], blocks: quotientRoundedUp(sizes.sets, 4), threads: 128) {
          // Of no elements there are no pieces, but means nevertheless.
          $0.add(isFixed ? nil : moments ?? coefficients)
          $0.add(weight?.pointer)
          $0.add(bias?.pointer)
          $0.add(epsilon)
          for pointer in [mean.pointer, variance?.pointer, rstd.pointer, coefficients] { $0.add(pointer) }
          for size in [sizes.sets, pieces, sizes.planesOfSet, sizes.channels, sizes.elementsOfSet] { $0.add(Int64(size)) }
        }
        applyCoefficients(coefficients, nil, x, into: y, width: width, sizes)
      }
    }
  }

  /// The gradients that are wanted of x, weight and bias.
  package func normalizeChannelsBackward(
    _ dy: Operand, _ x: Operand, isFixed: Bool = false, mean: Operand, rstd: Operand, weight: Operand?, dx: Operand?, dweight: Operand?,
    dbias: Operand?, _ sizes: ChannelSizes
  ) {
    if sizes.groups == 1, sizes.spatial == 1 {
      return normalizeRowsBackward(
        dy, x, mean: mean, rstd: rstd, weight: weight, dx: dx, dweight: dweight, dbias: dbias, rows: sizes.batch, count: sizes.channels)
    }
    let dtype = x.dtype, statistic = dtype == .float64 ? 8 : 4
    if sizes.elements == 0 {
      for result in [dweight, dbias] { fillZero(result?.pointer, byteCount: sizes.channels * (result?.dtype.size ?? 0)) }
      return
    }
    let width = widthOfChannels(dtype, sizes, [dy.pointer, x.pointer, dx?.pointer])
    let isSumming = dweight != nil || dbias != nil
    withSums(dy, x, mean, width: width, isFixed && !isSumming ? nil : sizes) { partials, pieces in
      let coefficientBytes = sizes.planes * 4 * statistic
      // The coefficients and, behind them, each plane's part of the parameters' gradients.
      withScratch(coefficientBytes + (isSumming ? 2 * sizes.planes * statistic : 0)) { coefficients in
        let sums = isSumming ? coefficients + coefficientBytes : nil
        launch(
          .normalization, "normalization_backward_coefficients", [.type(weight?.dtype ?? dtype)], blocks: quotientRoundedUp(sizes.sets, 4), threads: 128
        ) {
          for pointer in [partials, weight?.pointer, mean.pointer, rstd.pointer, coefficients, sums] { $0.add(pointer) }
          for size in [sizes.sets, pieces, sizes.planesOfSet, sizes.channels, sizes.elementsOfSet] { $0.add(Int64(size)) }
          $0.add(isFixed)
        }
        if let dx { applyCoefficients(coefficients, dy, x, into: dx, width: width, sizes) }
        if let sums {
          sumNormalizationPartials(
            sums, dweight?.dtype ?? dbias?.dtype ?? dtype, dweight, dbias, pieces: sizes.groups == nil ? 1 : sizes.batch,
            count: sizes.channels)
        }
      }
    }
  }

  /// Elements that one access moves. The columns of a narrow matrix are shared by all lanes of a warp, however few each then has.
  private func widthOfChannels(_ dtype: DType, _ sizes: ChannelSizes, _ pointers: [UnsafeMutableRawPointer?]) -> Int {
    if !sizes.areColumns { return vectorWidth(dtype, sizes.spatial, pointers) }
    var width = vectorWidth(dtype, sizes.channels, pointers)
    while width > 1, 32 * width > sizes.channels { width /= 2 }
    return width
  }

  /// Calls `body` with the moments of pieces, [sets][pieces]; with nothing if there are no sizes.
  private func withMoments(_ x: Operand, width: Int, _ sizes: ChannelSizes?, _ body: (UnsafeMutableRawPointer?, Int) -> Void) {
    guard let sizes else { return body(nil, 0) }
    let bytes = 3 * (x.dtype == .float64 ? 8 : 4)
    if sizes.areColumns {
      let strips = quotientRoundedUp(sizes.channels, 32 * width), chunk = rowsOfChunk(sizes.batch, strips: strips)
      let pieces = quotientRoundedUp(sizes.batch, chunk)
      withScratch(sizes.channels * pieces * bytes) { moments in
        launch(.normalization, "column_moments", [.type(x.dtype), .number(width)], blocks: strips, blocksY: pieces, threads: 256) {
          $0.add(x.pointer)
          $0.add(moments)
          $0.add(Int64(sizes.batch))
          $0.add(Int64(sizes.channels))
          $0.add(Int64(chunk))
        }
        body(moments, pieces)
      }
      return
    }
    // The planes of a group follow each other.
    var sets = sizes.groups == nil ? PlaneSets(channelsOf: sizes) : PlaneSets(sizes.sets, runsOf: sizes.elementsOfSet)
    let (isWarp, blocks) = sets.cut(width: width, blocks: multiprocessorCount * 8)
    withScratch(sizes.sets * Int(sets.pieces) * bytes) { moments in
      launch(.normalization, "plane_moments", [.type(x.dtype), .number(width), .flag(isWarp)], blocks: blocks, threads: 256) {
        $0.add(x.pointer)
        $0.add(moments)
        $0.addBytes(of: sets)
      }
      body(moments, Int(sets.pieces))
    }
  }

  /// Calls `body` with Σ dy and Σ dy·(x - mean) of the pieces of each plane that has coefficients; with nothing if there are no sizes.
  private func withSums(
    _ dy: Operand, _ x: Operand, _ mean: Operand, width: Int, _ sizes: ChannelSizes?, _ body: (UnsafeMutableRawPointer?, Int) -> Void
  ) {
    guard let sizes else { return body(nil, 1) }
    let bytes = 2 * (x.dtype == .float64 ? 8 : 4)
    if sizes.areColumns {
      let strips = quotientRoundedUp(sizes.channels, 32 * width), chunk = rowsOfChunk(sizes.batch, strips: strips)
      let pieces = quotientRoundedUp(sizes.batch, chunk)
      withScratch(sizes.channels * pieces * bytes) { sums in
        launch(.normalization, "column_sums", [.type(x.dtype), .number(width)], blocks: strips, blocksY: pieces, threads: 256) {
          for pointer in [dy.pointer, x.pointer, mean.pointer, sums] { $0.add(pointer) }
          $0.add(Int64(sizes.batch))
          $0.add(Int64(sizes.channels))
          $0.add(Int64(chunk))
        }
        body(sums, pieces)
      }
      return
    }
    var sets = sizes.groups == nil ? PlaneSets(channelsOf: sizes) : PlaneSets(sizes.planes, runsOf: sizes.spatial)
    let (isWarp, blocks) = sets.cut(width: width, blocks: multiprocessorCount * 8)
    withScratch(sizes.planes * Int(sets.pieces) * bytes) { sums in
      launch(.normalization, "plane_sums", [.type(x.dtype), .number(width), .flag(isWarp)], blocks: blocks, threads: 256) {
        $0.add(dy.pointer)
        $0.add(x.pointer)
        $0.add(mean.pointer)
        $0.add(Int64(sizes.groups == nil ? 1 : sizes.planesOfSet))
        $0.add(sums)
        $0.addBytes(of: sets)
      }
      body(sums, Int(sets.pieces))
    }
  }

  /// Every element, by the coefficients of its plane.
  private func applyCoefficients(
    _ coefficients: UnsafeMutableRawPointer, _ dy: Operand?, _ x: Operand, into y: Operand, width: Int, _ sizes: ChannelSizes
  ) {
    if sizes.elements == 0 { return }
    let parameters: [TemplateArgument] = [.type(x.dtype), .number(width), .flag(dy != nil)]
    func add(_ arguments: inout LaunchArguments) {
      for pointer in [dy?.pointer, x.pointer, y.pointer, coefficients] { arguments.add(pointer) }
    }
    if sizes.areColumns {
      let strips = quotientRoundedUp(sizes.channels, 32 * width), chunk = rowsOfChunk(sizes.batch, strips: strips)
      launch(
        .normalization, "normalize_columns", parameters, blocks: strips, blocksY: quotientRoundedUp(sizes.batch, chunk), threads: 256
      ) {
        add(&$0)
        $0.add(Int64(sizes.batch))
        $0.add(Int64(sizes.channels))
        $0.add(Int64(chunk))
      }
      return
    }
    let step = 256 * width, chunk = 8 * step
    launch(.normalization, "normalize_planes", parameters, blocks: quotientRoundedUp(sizes.elements, chunk), threads: 256) {
      add(&$0)
      $0.add(Int64(sizes.elements))
      $0.add(Int64(sizes.spatial))
      $0.add(Int64(sizes.planes))
      $0.add(Int64(chunk))
      $0.add(Int64(step / sizes.spatial % sizes.planes))
      $0.add(Int64(step % sizes.spatial))
    }
  }
}
