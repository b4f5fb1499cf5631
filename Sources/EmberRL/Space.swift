public import EmberRuntime

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A set of values: what an environment may show, or what may be done in it.
public protocol Space<Element>: Sendable {
  associatedtype Element
  /// A value at random.
  func sample(using generator: inout some RandomNumberGenerator) -> Element
  func contains(_ value: Element) -> Bool
}

/// The numbers `start` ..< `start + count`.
public struct Discrete: Space, Hashable {
  public let count: Int
  public let start: Int

  public init(_ count: Int, start: Int = 0) {
    precondition(
      count > 0 && !start.addingReportingOverflow(count - 1).overflow, "Discrete: \(count) values from \(start); at least one is needed")
    self.count = count
    self.start = start
  }

  public func sample(using generator: inout some RandomNumberGenerator) -> Int { start &+ Int.random(in: 0..<count, using: &generator) }
  /// The difference may not fit into an `Int`, but it does into a `UInt`.
  public func contains(_ value: Int) -> Bool { value >= start && UInt(bitPattern: value &- start) < UInt(count) }
}

/// Arrays of the given shape, row by row, each number between bounds of its own, which may be infinite.
public struct Box: Space, Hashable {
  public let low: [Float]
  public let high: [Float]
  public let shape: [Int]

  /// - Parameter shape: nil for one dimension.
  public init(low: [Float], high: [Float], shape: [Int]? = nil) throws(EmberError) {
    let shape = shape ?? [low.count]
    guard low.count == high.count, shape.allSatisfy({ $0 >= 0 }), shape.reduce(1, *) == low.count else {
      throw EmberError(.shape, in: "Box", "\(low.count) lower and \(high.count) upper bounds for the shape \(shape)")
    }
    guard zip(low, high).allSatisfy({ $0 <= $1 }) else { throw EmberError(.value, in: "Box", "a lower bound is above the upper one") }
    self.low = low
    self.high = high
    self.shape = shape
  }

  public init(low: Float, high: Float, shape: [Int]) throws(EmberError) {
    let count = Swift.max(0, shape.reduce(1, *))
    try self.init(low: Array(repeating: low, count: count), high: Array(repeating: high, count: count), shape: shape)
  }

  /// Uniform between finite bounds, exponential from a single one, normal without any: as Gymnasium samples.
  public func sample(using generator: inout some RandomNumberGenerator) -> [Float] {
    zip(low, high).map { low, high in
      switch (low.isFinite, high.isFinite) {
      case (true, true): Float(Double(low) + (Double(high) - Double(low)) * generator.unitUniform())
      case (true, false): low + Float(exponential(&generator))
      case (false, true): high - Float(exponential(&generator))
      case (false, false): Float((2 * exponential(&generator)).squareRoot() * cos(2 * .pi * generator.unitUniform()))
      }
    }
  }

  private func exponential(_ generator: inout some RandomNumberGenerator) -> Double { -log1p(-generator.unitUniform()) }

  public func contains(_ value: [Float]) -> Bool {
    value.count == low.count && value.indices.allSatisfy { value[$0] >= low[$0] && value[$0] <= high[$0] }
  }
}
