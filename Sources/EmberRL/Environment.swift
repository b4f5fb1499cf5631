public import EmberRuntime

/// What an action led to.
public struct Step<Observation> {
  public var observation: Observation
  public var reward: Double
  /// The task is over: what follows is worth nothing.
  public var isTerminated: Bool
  /// The episode was cut short, as by a time limit: what follows would have been worth something.
  public var isTruncated: Bool

  public init(observation: Observation, reward: Double, isTerminated: Bool = false, isTruncated: Bool = false) {
    self.observation = observation
    self.reward = reward
    self.isTerminated = isTerminated
    self.isTruncated = isTruncated
  }

  /// Whether `reset` comes next.
  public var isLast: Bool { isTerminated || isTruncated }
}

extension Step: Sendable where Observation: Sendable {}

/// A world to act in, episode by episode; the interface of Gymnasium's `Env`.
///
/// ```swift
/// var environment = CartPole.v1()
/// var observation = environment.reset(seed: 0)
/// while true {
///   let step = try environment.step(policy(observation))
///   observation = step.isLast ? environment.reset() : step.observation
/// }
/// ```
public protocol Environment<Observation, Action> {
  associatedtype Observation
  associatedtype Action
  associatedtype ObservationSpace: Space<Observation>
  associatedtype ActionSpace: Space<Action>

  var observationSpace: ObservationSpace { get }
  var actionSpace: ActionSpace { get }

  /// Begins an episode.
  ///
  /// - Parameter seed: restarts the random numbers as well; nil goes on with them.
  mutating func reset(seed: UInt64?) -> Observation
  /// Acts. Throws for actions outside of the space, and where `reset` is due.
  mutating func step(_ action: Action) throws(EmberError) -> Step<Observation>
}

extension Environment {
  /// Begins an episode with the random numbers that come next.
  public mutating func reset() -> Observation { reset(seed: nil) }
}

/// Cuts episodes of another environment short.
public struct TimeLimit<Base: Environment>: Environment {
  public private(set) var base: Base
  public let limit: Int
  /// Actions in this episode; nil before the first and after the last.
  private var taken: Int?

  public init(_ base: Base, steps limit: Int) {
    precondition(limit > 0, "TimeLimit: \(limit) steps; at least one is needed")
    self.base = base
    self.limit = limit
  }

  public var observationSpace: Base.ObservationSpace { base.observationSpace }
  public var actionSpace: Base.ActionSpace { base.actionSpace }

  public mutating func reset(seed: UInt64?) -> Base.Observation {
    taken = 0
    return base.reset(seed: seed)
  }

  public mutating func step(_ action: Base.Action) throws(EmberError) -> Step<Base.Observation> {
    guard let before = taken else { throw EmberError(.value, in: "step", "the episode is over: call reset() first") }
    var step = try base.step(action)
    taken = before + 1
    if before + 1 >= limit { step.isTruncated = true }
    if step.isLast { taken = nil }
    return step
  }
}

extension TimeLimit: Sendable where Base: Sendable {}
