import EmberRuntime
import EmberTensor

/// A dimension of inputs whose extent differs from call to call, as `torch.export.Dim`.
///
/// Dimensions of one name have one extent. A text is a dimension of any extent: `["batch"]`; a range says more: `Dim("batch", 1...64)`.
public struct Dim: Sendable, Hashable, ExpressibleByStringLiteral {
  public let name: String
  /// The extents that are to be expected. Others may come too, and cost further captures.
  public let range: ClosedRange<Int>?

  public init(_ name: String, _ range: ClosedRange<Int>? = nil) {
    self.name = name
    self.range = range
  }

  public init(stringLiteral name: String) { self.init(name) }
}

/// A dimension that is left open, and where it stands among the inputs.
package struct OpenDimension: Sendable {
  package let dim: Dim
  package var places: [(input: Int, axis: Int)]
  package var name: String { dim.name }
}

/// The open dimensions of a function's inputs, in the order in which they stand there.
package struct OpenDimensions: Sendable {
  package private(set) var all: [OpenDimension] = []
  /// What `declarations` names cannot be told apart if it is more.
  private static let limit = 4

  /// - Parameters:
  ///   - declarations: for each input its open dimensions.
  ///   - ranks: those of the inputs.
  ///   - operation: what errors begin with.
  package init(_ declarations: [[Int: Dim]], ranks: [Int], in operation: String) throws(EmberError) {
    guard declarations.count <= ranks.count else {
      throw EmberError(.value, in: operation, "dynamic dimensions for \(declarations.count) inputs of \(ranks.count)")
    }
    for (input, own) in declarations.enumerated() {
      for (axis, dim) in own.sorted(by: { $0.key < $1.key }) {
        guard (0..<ranks[input]).contains(axis) else {
          throw EmberError(
            .index, in: operation, "dimension \(axis) ('\(dim.name)') of input \(input), which has \(ranks[input]) dimensions")
        }
        if let known = all.firstIndex(where: { $0.name == dim.name }) {
          guard all[known].dim == dim else {
            throw EmberError(.value, in: operation, "'\(dim.name)' is declared with different ranges")
          }
          all[known].places.append((input, axis))
        } else {
          all.append(OpenDimension(dim: dim, places: [(input, axis)]))
        }
      }
    }
    guard all.count <= Self.limit else {
      throw EmberError(.value, in: operation, "\(all.count) open dimensions; at most \(Self.limit) can be told apart")
    }
  }

  package var names: [String] { all.map(\.name) }

  /// The extents that the dimensions have in these inputs. One that differs between the places of its dimension is an error.
  package func sizes(of shapes: [Shape], in operation: String) throws(EmberError) -> [Int] {
    var sizes: [Int] = []
    for dimension in all {
      let own = dimension.places.map { shapes[$0.input][$0.axis] }
      guard own.allSatisfy({ $0 == own[0] }) else {
        let extents = own.map(String.init).joined(separator: " and ")
        throw EmberError(.shape, in: operation, "'\(dimension.name)' is \(extents); the dimensions of one name have one extent")
      }
      sizes.append(own[0])
    }
    return sizes
  }

  /// The shapes with other extents in the open dimensions.
  package func shapes(_ shapes: [Shape], at sizes: [Int]) -> [Shape] {
    var result = shapes
    for (dimension, size) in zip(all, sizes) {
      for place in dimension.places { result[place.input] = result[place.input].replacing(place.axis, with: size) }
    }
    return result
  }

  /// Inputs like these with other extents, for a capture. They have no memory: ranges may be larger than the machine.
  package func examples(like inputs: [Tensor], at sizes: [Int]) throws(EmberError) -> [Tensor] {
    try zip(inputs, shapes(inputs.map(\.shape), at: sizes)).map { input, shape throws(EmberError) in
      if input.shape == shape { return input }
      let example = try input.withoutElements(shape)
      return input.requiresGrad ? example.requiringGrad() : example
    }
  }
}
