import EmberRuntime
import EmberTensor

/// Scales losses so that small gradients do not vanish in float16, and finds the scale by itself.
///
/// ```swift
/// let loss = autocast(.float16) { model(x).crossEntropy(y) }
/// scaler.scale(loss).backward()
/// scaler.step(optimizer)   // skipped where a gradient is infinite or NaN
/// scaler.update()          // a smaller scale after such a step, a larger one after many without
/// ```
///
/// Micikevicius et al., arXiv:1710.03740; names and defaults are those of PyTorch's `torch.amp.GradScaler`.
public final class GradScaler {
  /// What losses are multiplied by.
  public private(set) var currentScale: Double
  /// What the scale is multiplied by when it grows.
  public let growthFactor: Double
  /// What it is multiplied by after a step with infinities.
  public let backoffFactor: Double
  /// After so many steps in a row without infinities the scale grows.
  public let growthInterval: Int
  /// False: nothing is scaled, and steps are the optimizer's own.
  public let isEnabled: Bool
  /// Steps without infinities since the scale last changed.
  private var growthTracker = 0
  /// What happened to each optimizer's gradients since the last `update`.
  private var visited: [ObjectIdentifier: Visit] = [:]

  private struct Visit {
    var foundInfinity = false
    var hasStepped = false
  }

  public init(
    initialScale: Double = 65536, growthFactor: Double = 2, backoffFactor: Double = 0.5, growthInterval: Int = 2000, enabled: Bool = true
  ) {
    checkOption("GradScaler", "initialScale", initialScale, initialScale > 0 && initialScale.isFinite, "positive")
    checkOption("GradScaler", "growthFactor", growthFactor, growthFactor > 1, "greater than 1")
    checkOption("GradScaler", "backoffFactor", backoffFactor, backoffFactor > 0 && backoffFactor < 1, "between 0 and 1")
    checkOption("GradScaler", "growthInterval", Double(growthInterval), growthInterval > 0, "positive")
    currentScale = initialScale
    self.growthFactor = growthFactor
    self.backoffFactor = backoffFactor
    self.growthInterval = growthInterval
    isEnabled = enabled
  }

  /// A loss, times the scale.
  public func scale(_ loss: Tensor) -> Tensor { isEnabled ? loss * currentScale : loss }

  /// Divides the gradients of an optimizer's parameters by the scale: for clipping them before `step`, which otherwise does it.
  public func unscale(_ optimizer: any Optimizer) {
    guard isEnabled, !ErrorScopes.hasFailed else { return }
    if visited[ObjectIdentifier(optimizer)] != nil {
      raise(
        EmberError(.value, in: "GradScaler.unscale", "the gradients of this optimizer were divided already; call update() after step()"))
      return
    }
    if optimizer.parameters.contains(where: { $0.grad?.dtype == .float16 }) {
      raise(
        EmberError(
          .dtype, in: "GradScaler.unscale", "a float16 gradient loses what scaling kept; keep parameters in float32 and use autocast"))
      return
    }
    journal()
    noGrad {
      var finite: [Tensor] = []
      for cell in optimizer.parameters {
        guard let gradient = cell.grad else { continue }
        finite.append(gradient.isFinite.all())
        cell.grad = gradient * (1 / currentScale)
      }
      if ErrorScopes.hasFailed { return }
      visited[ObjectIdentifier(optimizer)] = Visit(foundInfinity: !finite.allSatisfy { $0.item(as: Bool.self) })
    }
  }

  /// The optimizer's step, unless a gradient is infinite or NaN. Unscales the gradients if that was not done.
  ///
  /// - Returns: whether the step was made.
  @discardableResult
  public func step(_ optimizer: any Optimizer) -> Bool {
    guard isEnabled else {
      optimizer.step()
      return true
    }
    let key = ObjectIdentifier(optimizer)
    if visited[key]?.hasStepped ?? false {
      raise(EmberError(.value, in: "GradScaler.step", "this optimizer's step was made already; call update() in between"))
      return false
    }
    if visited[key] == nil { unscale(optimizer) }
    guard !ErrorScopes.hasFailed, let visit = visited[key] else { return false }
    journal()
    visited[key]!.hasStepped = true
    if !visit.foundInfinity { optimizer.step() }
    return !visit.foundInfinity
  }

  /// Chooses the next scale, after the steps of all optimizers.
  public func update() {
    guard isEnabled, !ErrorScopes.hasFailed else { return }
    guard !visited.isEmpty else {
      raise(EmberError(.value, in: "GradScaler.update", "no gradients were looked at; call step(optimizer) before"))
      return
    }
    journal()
    if visited.values.contains(where: \.foundInfinity) {
      currentScale *= backoffFactor
      growthTracker = 0
    } else {
      growthTracker += 1
      if growthTracker == growthInterval {
        if (currentScale * growthFactor).isFinite { currentScale *= growthFactor }
        growthTracker = 0
      }
    }
    visited = [:]
  }

  /// Inside an error scope: the state comes back if the scope fails.
  private func journal() {
    let old = (currentScale, growthTracker, visited)
    ErrorScopes.journal(for: self) { (self.currentScale, self.growthTracker, self.visited) = old }
  }

  // MARK: State

  /// Everything needed to continue.
  public func stateDict() -> [(String, Tensor)] {
    [("scale", Tensor(.real(currentScale), dtype: .float64)), ("_growth_tracker", Tensor(.integer(Int64(growthTracker))))]
  }

  /// Takes over a saved state; throws, changing nothing, where it does not fit.
  public func loadStateDict(_ saved: [(String, Tensor)]) throws {
    let values = Dictionary(saved, uniquingKeysWith: { _, last in last })
    guard let scale = values["scale"], let tracker = values["_growth_tracker"] else {
      let names = values.keys.sorted().joined(separator: ", ")
      throw EmberError(.value, in: "loadStateDict", "the state of a GradScaler has \"scale\" and \"_growth_tracker\", not: \(names)")
    }
    let (newScale, newTracker) = (try scale.itemOrThrow(as: Double.self), try tracker.itemOrThrow(as: Int.self))
    guard newScale > 0, newScale.isFinite, newTracker >= 0 else {
      throw EmberError(
        .value, in: "loadStateDict",
        "scale \(newScale), growth tracker \(newTracker): the scale must be positive, the tracker not negative")
    }
    if ErrorScopes.hasFailed { return }
    journal()
    (currentScale, growthTracker, visited) = (newScale, newTracker, [:])
  }
}
