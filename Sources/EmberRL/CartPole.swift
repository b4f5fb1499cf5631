public import EmberRuntime

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A pole on a cart, to be kept upright by pushing the cart left (0) or right (1); Barto, Sutton and Anderson, 1983. The equations are
/// those of Florian, "Correct equations for the dynamics of the cart-pole system", without friction, integrated by Euler's method;
/// numbers, limits and seeds are those of Gymnasium's CartPole, whose trajectories a test repeats.
///
/// An observation is the cart's position (m) and velocity (m/s) and the pole's angle (rad) and angular velocity (rad/s). Every step is
/// rewarded by 1. The episode ends when the cart is more than 2.4 m from the middle or the pole leans by more than 12°.
public struct CartPole: Environment, Sendable {
  /// As `CartPole-v1`: at most 500 steps. A policy whose mean return is 475 or more solves it.
  public static func v1() -> TimeLimit<CartPole> { TimeLimit(CartPole(), steps: 500) }
  /// As `CartPole-v0`: at most 200 steps.
  public static func v0() -> TimeLimit<CartPole> { TimeLimit(CartPole(), steps: 200) }

  private static let gravity = 9.8  // m/s²
  private static let cartMass = 1.0  // kg
  private static let poleMass = 0.1  // kg
  private static let halfLength = 0.5  // m
  private static let force = 10.0  // N
  private static let interval = 0.02  // s
  private static let positionLimit = 2.4  // m
  private static let angleLimit = 12 * 2 * Double.pi / 360

  public let observationSpace: Box
  public let actionSpace = Discrete(2)

  /// Position, velocity, angle and angular velocity.
  public private(set) var state = SIMD4<Double>()
  private var isRunning = false
  private var random: PCG64

  public init() {
    let high = [Float(2 * Self.positionLimit), .infinity, Float(2 * Self.angleLimit), .infinity]
    do {
      observationSpace = try Box(low: high.map { -$0 }, high: high)
    } catch {
      preconditionFailure("\(error)")
    }
    random = PCG64(seed: UInt64.random(in: 0 ... .max))
  }

  private var observation: [Float] { (0..<4).map { Float(state[$0]) } }

  public mutating func reset(seed: UInt64?) -> [Float] {
    if let seed { random = PCG64(seed: seed) }
    for i in 0..<4 { state[i] = random.uniform(-0.05, 0.05) }
    isRunning = true
    return observation
  }

  public mutating func step(_ action: Int) throws(EmberError) -> Step<[Float]> {
    guard isRunning else { throw EmberError(.value, in: "CartPole", "the episode is over or has not begun: call reset() first") }
    guard actionSpace.contains(action) else { throw EmberError(.value, in: "CartPole", "action \(action); 0 pushes left, 1 right") }
    let (x, velocity, angle, angularVelocity) = (state[0], state[1], state[2], state[3])
    let totalMass = Self.poleMass + Self.cartMass, leverage = Self.poleMass * Self.halfLength
    let cosine = cos(angle), sine = sin(angle)
    let push = ((action == 1 ? Self.force : -Self.force) + leverage * (angularVelocity * angularVelocity) * sine) / totalMass
    let angularAcceleration =
      (Self.gravity * sine - cosine * push) / (Self.halfLength * (4.0 / 3.0 - Self.poleMass * (cosine * cosine) / totalMass))
    let acceleration = push - leverage * angularAcceleration * cosine / totalMass
    state = [
      x + Self.interval * velocity, velocity + Self.interval * acceleration,
      angle + Self.interval * angularVelocity, angularVelocity + Self.interval * angularAcceleration,
    ]
    let isOver = abs(state[0]) > Self.positionLimit || abs(state[2]) > Self.angleLimit
    isRunning = !isOver
    return Step(observation: observation, reward: 1, isTerminated: isOver)
  }
}
