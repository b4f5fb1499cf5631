import EmberRuntime

/// A loss of scores x [batch, classes, spatial] by labels int64 [batch, spatial].
package struct ClassLossProblem {
  package var x: Operand
  package var labels: Operand
  /// [classes], of x's dtype.
  package var weight: Operand?
  /// x are log-probabilities, not logits.
  package var isLogarithmic: Bool
  package var ignoreIndex: Int
  package var labelSmoothing: Double
  package var batch: Int
  package var classes: Int
  package var spatial: Int

  package init(
    x: Operand, labels: Operand, weight: Operand?, isLogarithmic: Bool, ignoreIndex: Int, labelSmoothing: Double, batch: Int, classes: Int,
    spatial: Int
  ) {
    (self.x, self.labels, self.weight, self.isLogarithmic) = (x, labels, weight, isLogarithmic)
    (self.ignoreIndex, self.labelSmoothing) = (ignoreIndex, labelSmoothing)
    (self.batch, self.classes, self.spatial) = (batch, classes, spatial)
  }

  var positions: Int { batch * spatial }
  var dtype: DType { x.dtype }
  /// Rows of so few classes go to warps.
  var isForWarps: Bool { classes <= 1024 }
}

extension CUDABackend {
  /// Each position's loss into `losses`, unless nil (float32, or float64 for float64); the log-sum-exps of logits; their sum or, with
  /// `isMean`, weighted mean into `loss`, unless nil (of x's dtype); the sum of the labels' weights (float64). Nothing waits for the
  /// device: a label that is no class is reported when something does.
  package func classLoss(
    _ p: ClassLossProblem, losses: Operand?, logSumExp: Operand, loss: Operand?, weightSum: Operand, isMean: Bool
  ) {
    if let losses { return classLoss(p, losses: losses.pointer, logSumExp, loss, weightSum, isMean) }
    withScratch(p.positions * (p.dtype == .float64 ? 8 : 4)) { classLoss(p, losses: $0, logSumExp, loss, weightSum, isMean) }
  }

  private func classLoss(
    _ p: ClassLossProblem, losses: UnsafeMutableRawPointer?, _ logSumExp: Operand, _ loss: Operand?, _ weightSum: Operand, _ isMean: Bool
  ) {
    func addInputs(_ arguments: inout LaunchArguments) {
      for pointer in [p.x.pointer, p.labels.pointer, p.weight?.pointer, losses] { arguments.add(pointer) }
      if !p.isLogarithmic { arguments.add(logSumExp.pointer) }
      arguments.add(Int64(p.ignoreIndex))
      if !p.isLogarithmic { arguments.add(p.labelSmoothing) }
      arguments.add(Int64(p.positions))
      arguments.add(Int64(p.classes))
    }
    if p.isLogarithmic {
      launch(.classLoss, "negative_likelihood", [.type(p.dtype)], blocks: quotientRoundedUp(p.positions, 256), threads: 256) {
        addInputs(&$0)
        $0.add(Int64(p.spatial))
        $0.addErrorWord("nll_loss")
      }
    } else if p.spatial == 1 {
      launch(
        .classLoss, "cross_entropy_rows", [.type(p.dtype), .number(rowWidth(p.dtype, [p.x.pointer])), .flag(p.isForWarps)],
        blocks: p.isForWarps ? quotientRoundedUp(p.batch, 4) : p.batch, threads: p.isForWarps ? 128 : 512
      ) {
        addInputs(&$0)
        $0.addErrorWord("cross_entropy")
      }
    } else {
      // Many classes of few positions are shared among threads.
      let slices = p.classes >= 64 && p.positions < multiprocessorCount * 2048 ? 8 : 1
      launch(
        .classLoss, "cross_entropy_columns", [.type(p.dtype)], blocks: quotientRoundedUp(p.positions, 256 / slices), threads: 256
      ) {
        addInputs(&$0)
        $0.add(Int64(p.spatial))
        $0.add(Int32(slices))
        $0.addErrorWord("cross_entropy")
      }
    }
    let blocks = max(1, min(quotientRoundedUp(p.positions, 1024), 256))
    withScratch(blocks * 16) { partials in
      launch(.classLoss, "class_loss_partials", [.type(p.dtype)], blocks: blocks, threads: 256) {
        for pointer in [losses, p.labels.pointer, p.weight?.pointer] { $0.add(pointer) }
        $0.add(Int64(p.ignoreIndex))
        $0.add(Int64(p.positions))
        $0.add(Int64(p.classes))
        $0.add(partials)
      }
      launch(.classLoss, "class_loss_totals", [.type(loss?.dtype ?? p.dtype)], blocks: 1, threads: 256) {
        $0.add(partials)
        $0.add(Int64(blocks))
        $0.add(isMean)
        $0.add(loss?.pointer)
        $0.add(weightSum.pointer)
      }
    }
  }

  /// The gradient of x from that of each position's loss (float32, or float64 for float64) or, if `gradient` has one element, of the sum
  /// of all; divided by `divisor` (one float64), unless nil.
  package func classLossBackward(
    _ p: ClassLossProblem, gradient: Operand, perPosition: Bool, divisor: Operand?, logSumExp: Operand, into dx: Operand
  ) {
    func addInputs(_ arguments: inout LaunchArguments) {
      arguments.add(gradient.pointer)
      arguments.add(Int64(perPosition ? 1 : 0))
      arguments.add(divisor?.pointer)
      if !p.isLogarithmic { arguments.add(p.x.pointer) }
      arguments.add(p.labels.pointer)
      arguments.add(p.weight?.pointer)
      if !p.isLogarithmic { arguments.add(logSumExp.pointer) }
      arguments.add(dx.pointer)
      arguments.add(Int64(p.ignoreIndex))
      if !p.isLogarithmic { arguments.add(p.labelSmoothing) }
      arguments.add(Int64(p.positions))
      arguments.add(Int64(p.classes))
    }
    if p.isLogarithmic {
      fillZero(dx.pointer, byteCount: p.positions * p.classes * p.dtype.size)
      launch(.classLoss, "negative_likelihood_backward", [.type(p.dtype)], blocks: quotientRoundedUp(p.positions, 256), threads: 256) {
        addInputs(&$0)
        $0.add(Int64(p.spatial))
      }
    } else if p.spatial == 1 {
      launch(
        .classLoss, "cross_entropy_rows_backward",
        [.type(p.dtype), .number(rowWidth(p.dtype, [p.x.pointer, dx.pointer])), .flag(p.isForWarps)],
        blocks: p.isForWarps ? quotientRoundedUp(p.batch, 4) : p.batch, threads: p.isForWarps ? 128 : 512, addInputs)
    } else {
      let chunk = max(16, quotientRoundedUp(p.classes, 65535))
      launch(
        .classLoss, "cross_entropy_columns_backward", [.type(p.dtype)], blocks: quotientRoundedUp(p.positions, 256),
        blocksY: quotientRoundedUp(p.classes, chunk), threads: 256
      ) {
        addInputs(&$0)
        $0.add(Int64(p.spatial))
        $0.add(Int64(chunk))
      }
    }
  }

  /// Elements of an access where rows may begin anywhere: the kernels look for the first that is aligned.
  private func rowWidth(_ dtype: DType, _ pointers: [UnsafeMutableRawPointer?]) -> Int { vectorWidth(dtype, 16, pointers) }
}

extension CUDABackend {
  /// The margin losses of rows x [rows, classes] with several labels each, int64 [rows, classes] up to the first -1; float32 or float64.
  /// A label that is no class is reported when something waits for the device.
  package func multilabelMargin(_ x: Operand, labels: Operand, into losses: Operand) {
    withScratch(x.shape.elementCount) { marks in
      launch(.classLoss, "multilabel_margin", [.type(x.dtype)], blocks: x.shape[unchecked: 0], threads: 256) {
        for pointer in [x.pointer, labels.pointer, losses.pointer, marks] { $0.add(pointer) }
        $0.add(Int64(x.shape[unchecked: 1]))
        $0.addErrorWord("multilabel_margin_loss")
      }
    }
  }

  package func multilabelMarginBackward(gradient: Operand, _ x: Operand, labels: Operand, into dx: Operand) {
    withScratch(x.shape.elementCount) { marks in
      launch(.classLoss, "multilabel_margin_backward", [.type(x.dtype)], blocks: x.shape[unchecked: 0], threads: 256) {
        for pointer in [gradient.pointer, x.pointer, labels.pointer, dx.pointer, marks] { $0.add(pointer) }
        $0.add(Int64(x.shape[unchecked: 1]))
        $0.addErrorWord("multilabel_margin_loss_backward")
      }
    }
  }
}
