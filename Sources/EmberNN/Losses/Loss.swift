import EmberTensor

/// A loss: a layer of (prediction, target).
open class Loss: Module {
  public final let reduction: LossReduction
  init(reduction: LossReduction) {
    self.reduction = reduction
    super.init()
  }
}

extension Layer where Input == (Tensor, Tensor) {
  /// `loss(prediction, target)` for `loss((prediction, target))`.
  public func callAsFunction(_ input: Tensor, _ target: Tensor, file: StaticString = #fileID, line: Int = #line) -> Output {
    callAsFunction((input, target), file: file, line: line)
  }
}

extension Layer where Input == (Tensor, Tensor, Tensor) {
  /// `loss(a, b, c)` for `loss((a, b, c))`.
  public func callAsFunction(_ first: Tensor, _ second: Tensor, _ third: Tensor, file: StaticString = #fileID, line: Int = #line) -> Output
  {
    callAsFunction((first, second, third), file: file, line: line)
  }
}
