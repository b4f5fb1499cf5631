import EmberRuntime
import EmberTensor

/// How averaged weights take in new ones.
public enum WeightAveraging: Sendable {
  /// The mean of all (stochastic weight averaging; Izmailov et al., 2018, arXiv:1803.05407).
  case equal
  /// averaged ← decay · averaged + (1 - decay) · new (Polyak averaging).
  case exponential(decay: Double)
  /// A function of the averaged weight, the new one, and how many were taken in before.
  case custom(@Sendable (_ averaged: Tensor, _ new: Tensor, _ count: Int) -> Tensor)

  func average(_ averaged: Tensor, _ new: Tensor, count: Int) -> Tensor {
    switch self {
    case .equal: averaged + (new - averaged) / Double(count + 1)
    case .exponential(let decay): averaged.lerp(new, weight: .real(1 - decay))
    case .custom(let function): function(averaged, new, count)
    }
  }
}

/// A model whose weights are averages of those that another one had while it was trained; often better than the last ones.
///
/// ```swift
/// let averaged = AveragedModel(Net(), of: model, averaging: .exponential(decay: 0.999))
/// for (x, y) in loader {
///   …
///   optimizer.step()
///   averaged.update(model)
/// }
/// updateBN(averaged, loader.map(\.0))
/// averaged.eval()(x)
/// ```
public final class AveragedModel<Model: Module>: Module {
  /// Holds the averages.
  public let module: Model
  private let averaging: WeightAveraging
  private let usesBuffers: Bool
  /// How often weights were taken in.
  @Buffer public private(set) var nAveraged: Tensor

  /// - Parameters:
  ///   - module: a second model of the same structure, which takes over the first one's state.
  ///   - usesBuffers: buffers, such as running statistics, are averaged too; otherwise they are those of the last update.
  public init(_ module: Model, of model: Module, averaging: WeightAveraging = .equal, usesBuffers: Bool = false) {
    self.module = module
    self.averaging = averaging
    self.usesBuffers = usesBuffers
    _nAveraged = Buffer(wrappedValue: Tensor.zeros([], dtype: .int64))
    super.init()
    if module === model {
      raise(EmberError(.value, in: "AveragedModel", "the averages need a model of their own, made like the first one"))
    }
    do { try module.loadStateDict(model.stateDict()) } catch {
      raise(error as? EmberError ?? EmberError(.value, in: "AveragedModel", "\(error)"))
    }
  }

  /// Takes the present weights of a model into the averages. The first time they are copied.
  public func update(_ model: Module) {
    if ErrorScopes.hasFailed { return }
    let parameters = Array(zip(module.parameters(), model.parameters())), buffers = Array(zip(module.namedBuffers(), model.namedBuffers()))
    let hasSameForm =
      module.parameters().count == model.parameters().count && module.namedBuffers().count == model.namedBuffers().count
      && (parameters + buffers.map { ($0.0.buffer, $0.1.buffer) }).allSatisfy { $0.0.value.shape == $0.1.value.shape }
    guard hasSameForm else {
      raise(EmberError(.shape, in: "AveragedModel", "parameters or buffers of \(type(of: model)) differ from those that are averaged"))
      return
    }
    noGrad {
      let count = nAveraged.item(as: Int.self)
      func take(_ own: StateCell, _ other: StateCell, averages: Bool) {
        let new = other.value.detach().to(own.value.dtype).to(own.value.device)
        let isAveraged = averages && count > 0 && new.dtype.isDifferentiable
        own.update { $0 = isAveraged ? averaging.average($0, new, count: count) : new.clone() }
      }
      for (own, other) in parameters { take(own, other, averages: true) }
      for (own, other) in buffers { take(own.buffer, other.buffer, averages: usesBuffers) }
      nAveraged = nAveraged + 1
    }
  }
}

extension AveragedModel: Layer where Model: Layer {
  public func forward(_ input: Model.Input) -> Model.Output { module(input) }
}

/// Computes the running statistics of all batch normalisations anew, as the means over all batches: for a model whose weights did not
/// come about by training on them.
public func updateBN<Model: Layer>(_ model: Model, _ batches: some Sequence<Model.Input>) {
  let layers = model.modules().compactMap { $0 as? BatchNormLayer }
  if layers.isEmpty { return }
  let (wasTraining, momenta) = (model.isTraining, layers.map(\.momentum))
  for layer in layers {
    layer.resetRunningStats()
    layer.momentum = nil
  }
  model.train()
  noGrad { for batch in batches { _ = model(batch) } }
  for (layer, momentum) in zip(layers, momenta) { layer.momentum = momentum }
  model.train(wasTraining)
}
