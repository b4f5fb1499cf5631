import CEmberFunctional
import EmberRuntime
import EmberTensor

/// The negative logarithms of the probabilities of label sequences. Input: log-probabilities [time, batch, classes].
/// Outputs: losses [batch] and the logarithms of the forward variables [batch, time, 2·longest + 1].
struct CTCLoss: VariadicOperation {
  static let name = "ctc_loss"
  static let kernels = KernelTable<@Sendable (CTCLoss, Tensor, Tensor, Tensor) -> Void>(
    name,
    cpu: { op, x, losses, alpha in
      op.described(x.shape) { ctc in
        ember_ctc_loss(Int32(x.dtype.rawValue), ctc, x.operand.pointer, losses.operand.pointer, alpha.operand.pointer)
      }
    },
    cuda: cudaKernel)
  let saved: SavedTensors = [.input0, .output(0), .output(1)]
  let undifferentiableOutputs: Set<Int> = [1]
  let targets: [Int64]
  let targetOffsets: [Int64]
  let inputLengths: [Int64]
  let targetLengths: [Int64]
  let blank: Int
  let zeroInfinity: Bool

  var longest: Int { Int(targetLengths.max() ?? 0) }

  func described(_ shape: Shape, _ body: (UnsafePointer<ember_ctc>) -> Void) {
    targets.withUnsafeBufferPointer { targets in
      targetOffsets.withUnsafeBufferPointer { offsets in
        inputLengths.withUnsafeBufferPointer { inputLengths in
          targetLengths.withUnsafeBufferPointer { targetLengths in
            var ctc = ember_ctc(
              time: Int64(shape[0]), batch: Int64(shape[1]), classes: Int64(shape[2]), blank: Int64(blank), longest: Int64(longest),
              targets: targets.baseAddress, target_offsets: offsets.baseAddress, input_lengths: inputLengths.baseAddress,
              target_lengths: targetLengths.baseAddress)
            body(&ctc)
          }
        }
      }
    }
  }

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[0]!
    let losses = try Tensor.empty(shape: [x.shape[1]], dtype: x.dtype, like: x)
    let alpha = try Tensor.empty(
      shape: try checkedShape([x.shape[1], x.shape[0], 2 * longest + 1], in: Self.name), dtype: x.dtype, like: x)
    if let kernel = try Self.kernels.kernel(on: x.device), losses.elementCount > 0 { kernel(self, try x.dense(), losses, alpha) }
    return [losses, alpha]
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let g = gradients[0] else { return [nil] }
    return [apply(CTCLossBackward(loss: self), [g, context.input(0), context.output(0).detach(), context.output(1)])[0]]
  }
}

/// The gradient of the scores whose log-softmax was given: as PyTorch's, it takes log-probabilities to come from there.
struct CTCLossBackward: VariadicOperation {
  static let name = "ctc_loss_backward"
  /// Gradient, log-probabilities, losses and forward variables; the result.
  static let kernels = KernelTable<@Sendable (CTCLoss, [Tensor], Tensor) -> Void>(
    name,
    cpu: { op, x, dx in
      op.described(dx.shape) { ctc in
        ember_ctc_loss_backward(
          Int32(dx.dtype.rawValue), ctc, x[0].operand.pointer, x[1].operand.pointer, x[2].operand.pointer, x[3].operand.pointer,
          dx.operand.pointer,
          op.zeroInfinity)
      }
    },
    cuda: cudaKernel)
  let loss: CTCLoss

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[1]!
    let dx = try Tensor.empty(shape: x.shape, dtype: x.dtype, like: x)
    if let kernel = try Self.kernels.kernel(on: x.device), dx.elementCount > 0 {
      var dense: [Tensor] = []
      for input in inputs { dense.append(try input!.dense()) }
      kernel(loss, dense, dx)
    }
    return [dx]
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    raise(EmberError(.unsupported, in: Self.name, "has no derivative of its own; second derivatives of the CTC loss are not defined"))
    return [nil, nil, nil, nil]
  }
}

extension Tensor {
  /// Connectionist temporal classification: minus the logarithm of the probability that these log-probabilities [time, batch, classes]
  /// (or [time, classes]) give to label sequences, summed over all alignments; Graves et al., ICML 2006.
  ///
  /// - Parameters:
  ///   - targets: labels [batch, length], or all of them one after another in one dimension.
  ///   - blank: the class that stands for no label.
  ///   - reduction: `mean` divides each loss by its target's length (at least 1) first.
  ///   - zeroInfinity: losses of targets that are too long for their input become 0, and so do their gradients.
  public func ctcLoss(
    _ targets: Tensor, inputLengths: [Int], targetLengths: [Int], blank: Int = 0, reduction: LossReduction = .mean,
    zeroInfinity: Bool = false
  ) -> Tensor {
    let name = "ctc_loss"
    guard mayRunSlowly(name, [self, targets]) else { return .poison }
    let cast = Autocast.asOne(name, [self, targets]) {
      $0[0]!.ctcLoss(
        $0[1]!, inputLengths: inputLengths, targetLengths: targetLengths, blank: blank, reduction: reduction, zeroInfinity: zeroInfinity)
    }
    if let cast { return cast }
    return attempt { () throws(EmberError) in
      guard dtype == .float32 || dtype == .float64 else {
        throw EmberError(.dtype, in: name, "log-probabilities \(summary) must be float32 or float64")
      }
      guard rank == 2 || rank == 3, targets.dtype.isInteger, targets.rank == 1 || targets.rank == 2 else {
        throw EmberError(
          .shape, in: name,
          "log-probabilities \(summary) with targets \(targets.summary): [time, batch, classes] "
            + "goes with integers [batch, length] or [total]"
        )
      }
      let x = rank == 2 ? unsqueeze(1) : self
      let (time, batch, classes) = (x.shape[0], x.shape[1], x.shape[2])
      guard blank >= 0, blank < classes else { throw EmberError(.value, in: name, "blank \(blank) is outside of 0 ..< \(classes)") }
      guard inputLengths.count == batch, targetLengths.count == batch else {
        throw EmberError(
          .value, in: name, "\(inputLengths.count) input lengths and \(targetLengths.count) target lengths for a batch of \(batch)")
      }
      guard inputLengths.allSatisfy({ $0 >= 0 && $0 <= time }), targetLengths.allSatisfy({ $0 >= 0 }) else {
        throw EmberError(
          .value, in: name, "input lengths \(inputLengths) must be in 0 ... \(time), target lengths \(targetLengths) not negative")
      }
      var offsets: [Int64] = [], total = 0
      if targets.rank == 1 {
        for length in targetLengths {
          offsets.append(Int64(total))
          total += length
        }
        guard total == targets.elementCount else {
          throw EmberError(.shape, in: name, "target lengths \(targetLengths) add up to \(total), targets are \(targets.summary)")
        }
      } else {
        let width = targets.shape[1]
        guard targets.shape[0] == batch, (targetLengths.max() ?? 0) <= width else {
          throw EmberError(.shape, in: name, "targets \(targets.summary) for a batch of \(batch) with target lengths \(targetLengths)")
        }
        offsets = (0..<batch).map { Int64($0 * width) }
      }
      let elements = targets.backend.holdsData ? targets.to(.int64).elements(as: Int64.self) : []
      for (offset, length) in zip(offsets, targetLengths) where !elements.isEmpty && length > 0 {
        for label in elements[Int(offset)..<(Int(offset) + length)] where label < 0 || label >= Int64(classes) {
          throw EmberError(.index, in: name, "label \(label) is outside of 0 ..< \(classes)")
        }
      }
      let operation = CTCLoss(
        targets: elements, targetOffsets: offsets, inputLengths: inputLengths.map(Int64.init), targetLengths: targetLengths.map(Int64.init),
        blank: blank, zeroInfinity: zeroInfinity)
      var losses = apply(operation, [x], count: 2)[0]
      if zeroInfinity { losses = losses.maskedFill(losses.detach() .== Scalar.real(.infinity), 0) }
      switch reduction {
      case .mean:
        let lengths = Tensor(targetLengths.map { Int64(Swift.max($0, 1)) }, on: device).to(dtype)
        return (losses / lengths).mean()
      case .none: return rank == 2 ? losses.reshape([]) : losses
      default: return losses.reducedLoss(reduction, name)
      }
    }
  }
}

extension OperatorRegistry {
  mutating func addCTCLoss() {
    add(
      "torch.nn.functional.ctc_loss(Tensor log_probs, Tensor targets, Any input_lengths, Any target_lengths, "
        + "int blank=0, str reduction='mean', bool zero_infinity=False) -> Tensor"
    ) { (x: Tensor, targets: Tensor, inputs: OperatorValue, lengths: OperatorValue, blank: Int, word: String, zeroInfinity: Bool) in
      x.ctcLoss(
        targets, inputLengths: try inputs.lengths(), targetLengths: try lengths.lengths(), blank: blank,
        reduction: try LossReduction(word, in: "ctc_loss"), zeroInfinity: zeroInfinity)
    }
    add(
      "aten::ctc_loss.IntList(Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, "
        + "int blank=0, int reduction=Mean, bool zero_infinity=False) -> Tensor"
    ) { (x: Tensor, targets: Tensor, inputs: [Int], lengths: [Int], blank: Int, reduction: Int, zeroInfinity: Bool) in
      x.ctcLoss(
        targets, inputLengths: inputs, targetLengths: lengths, blank: blank,
        reduction: try LossReduction(number: reduction, in: "ctc_loss"),
        zeroInfinity: zeroInfinity)
    }
    add(
      "aten::ctc_loss.Tensor(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, "
        + "int blank=0, int reduction=Mean, bool zero_infinity=False) -> Tensor"
    ) { (x: Tensor, targets: Tensor, inputs: Tensor, lengths: Tensor, blank: Int, reduction: Int, zeroInfinity: Bool) in
      x.ctcLoss(
        targets, inputLengths: try OperatorValue.tensor(inputs).lengths(), targetLengths: try OperatorValue.tensor(lengths).lengths(),
        blank: blank,
        reduction: try LossReduction(number: reduction, in: "ctc_loss"), zeroInfinity: zeroInfinity)
    }
  }
}

extension OperatorValue {
  /// Lengths given as a list, a tensor or one number.
  fileprivate func lengths() throws(EmberError) -> [Int] {
    if case .tensor(let tensor) = self, tensor.dtype.isInteger, tensor.rank <= 1 {
      return tensor.to(.int64).reshape([-1]).elements(as: Int64.self).map(Int.init)
    }
    if case .integer(let number) = self { return [number] }
    if case .list(let items) = self {
      let numbers = items.compactMap { item -> Int? in if case .integer(let number) = item { number } else { nil } }
      if numbers.count == items.count { return numbers }
    }
    throw EmberError(.value, in: "ctc_loss", "lengths must be integers in a list or tensor, not \(kind)")
  }
}
