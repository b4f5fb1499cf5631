import EmberRuntime

/// An operation with attributes that may follow from the sizes of its inputs: the shape of a reshape, the bounds of a slice.
///
/// A graph with dynamic dimensions sets them for each size. What is not among them must be the same at all sizes.
package protocol SizedOperation: Operation {
  var sizes: [Int] { get }
  /// The same operation with other sizes, as many as `sizes` has.
  func resized(_ sizes: [Int]) -> Self
}

extension Operation {
  /// The attributes that may follow from sizes; none, unless the operation says which.
  var ownSizes: [Int] { (self as? any SizedOperation)?.sizes ?? [] }

  func withOwnSizes(_ sizes: [Int]) -> Self { (self as? any SizedOperation).map { $0.resized(sizes) as! Self } ?? self }
}

extension [Int] {
  /// The first `count` numbers, which are taken away.
  fileprivate mutating func take(_ count: Int) -> [Int] {
    defer { removeFirst(count) }
    return Array(prefix(count))
  }
}

// MARK: - Calls

extension Scalar {
  /// A number that was an `Int`.
  fileprivate var int: Int { Int(integerValue ?? 0) }
}

extension UnaryCall {
  package var numbers: [Scalar] { operation.ownSizes.map(\.scalar) }
  package func settingNumbers(_ numbers: [Scalar]) -> any GraphCall {
    UnaryCall(operation: operation.withOwnSizes(numbers.map(\.int)))
  }
}

extension BinaryCall {
  package var numbers: [Scalar] { operation.ownSizes.map(\.scalar) }
  package func settingNumbers(_ numbers: [Scalar]) -> any GraphCall {
    BinaryCall(operation: operation.withOwnSizes(numbers.map(\.int)))
  }
}

extension VariadicCall {
  package var numbers: [Scalar] { operation.ownSizes.map(\.scalar) }
  package func settingNumbers(_ numbers: [Scalar]) -> any GraphCall {
    VariadicCall(operation: operation.withOwnSizes(numbers.map(\.int)))
  }
}

extension DrawCall {
  package var numbers: [Scalar] { shape.map(\.scalar) }
  package func settingNumbers(_ numbers: [Scalar]) -> any GraphCall {
    let shape = numbers.map(\.int)
    return DrawCall(operation: operation, shape: shape, distribution: distribution, dtype: dtype, device: device, generator: generator)
  }
}

extension PointwiseCall {
  package var numbers: [Scalar] { (0..<parameters.count).map { parameters[$0] } }
  package func settingNumbers(_ numbers: [Scalar]) -> any GraphCall {
    PointwiseCall(function: function, parameters: ScalarParameters(numbers))
  }
}

extension FusedPointwiseCall {
  package var numbers: [Scalar] { program.constants.map(\.value) }
  package func settingNumbers(_ numbers: [Scalar]) -> any GraphCall { FusedPointwiseCall(program.settingConstants(numbers)) }
}

extension DerivativeCall {
  /// Those of the operation, and the shapes of its inputs.
  package var numbers: [Scalar] { (operation.ownSizes + forms.flatMap { $0.map { Array($0.shape) } ?? [] }).map(\.scalar) }

  package func settingNumbers(_ numbers: [Scalar]) -> any GraphCall {
    var rest = numbers.map(\.int)
    let operation = operation.withOwnSizes(rest.take(operation.ownSizes.count))
    let forms = forms.map { form in form.map { Node.ResultForm(shape: Shape(rest.take($0.shape.rank)), dtype: $0.dtype) } }
    return DerivativeCall(operation: operation, rule: rule, outputCount: outputCount, forms: forms, wanted: wanted, present: present)
  }
}

// MARK: - Views

extension Reshape: SizedOperation {
  package var sizes: [Int] { shape }
  package func resized(_ sizes: [Int]) -> Reshape { Reshape(shape: sizes) }
}

extension Expand: SizedOperation {
  package var sizes: [Int] { shape }
  package func resized(_ sizes: [Int]) -> Expand { Expand(shape: sizes) }
}

extension Slice: SizedOperation {
  package var sizes: [Int] { [start, count] }
  package func resized(_ sizes: [Int]) -> Slice { Slice(dimension: dimension, start: sizes[0], count: sizes[1], step: step) }
}

extension Select: SizedOperation {
  package var sizes: [Int] { [index] }
  package func resized(_ sizes: [Int]) -> Select { Select(dimension: dimension, index: sizes[0]) }
}

extension Split: SizedOperation {
  package var sizes: [Int] { lengths }
  package func resized(_ sizes: [Int]) -> Split { Split(dimension: dimension, lengths: sizes) }
}

extension ViewBackward: SizedOperation {
  package var sizes: [Int] { view.ownSizes + Array(shape) }
  package func resized(_ sizes: [Int]) -> ViewBackward {
    var rest = sizes
    return ViewBackward(view: view.withOwnSizes(rest.take(view.ownSizes.count)), shape: Shape(rest))
  }
}

extension ViewScatter: SizedOperation {
  package var sizes: [Int] { view.ownSizes }
  package func resized(_ sizes: [Int]) -> ViewScatter { ViewScatter(view: view.withOwnSizes(sizes)) }
}

extension Region {
  fileprivate var sizes: [Int] { Array(shape) + (0..<shape.rank).map { strides[$0] } + [offset] }
  fileprivate func resized(_ sizes: [Int]) -> Region {
    var rest = sizes
    return Region(shape: Shape(rest.take(shape.rank)), strides: Strides(rest.take(shape.rank)), offset: rest[0])
  }
}

extension RegionPut: SizedOperation {
  package var sizes: [Int] { region.sizes }
  package func resized(_ sizes: [Int]) -> RegionPut { RegionPut(region: region.resized(sizes), dimensions: dimensions) }
}

extension RegionGet: SizedOperation {
  package var sizes: [Int] { region.sizes }
  package func resized(_ sizes: [Int]) -> RegionGet { RegionGet(region: region.resized(sizes)) }
}

extension RegionClear: SizedOperation {
  package var sizes: [Int] { region.sizes }
  package func resized(_ sizes: [Int]) -> RegionClear { RegionClear(region: region.resized(sizes), dimensions: dimensions) }
}

extension RegionBackward: SizedOperation {
  package var sizes: [Int] { Array(shape) + region.sizes }
  package func resized(_ sizes: [Int]) -> RegionBackward {
    var rest = sizes
    let shape = Shape(rest.take(shape.rank))
    return RegionBackward(region: region.resized(rest), shape: shape)
  }
}

// MARK: - Windows

extension ConvolutionGeometry {
  fileprivate var sizes: [Int] { input + output }
  fileprivate func resized(_ sizes: [Int]) -> ConvolutionGeometry {
    var rest = sizes, other = self
    other.input = rest.take(input.count)
    other.output = rest
    return other
  }
}

extension Convolution: SizedOperation {
  package var sizes: [Int] { geometry.sizes }
  package func resized(_ sizes: [Int]) -> Convolution {
    var other = self
    other.geometry = geometry.resized(sizes)
    return other
  }
}

extension ConvolutionBackwardInput: SizedOperation {
  package var sizes: [Int] { geometry.sizes }
  package func resized(_ sizes: [Int]) -> ConvolutionBackwardInput { ConvolutionBackwardInput(geometry: geometry.resized(sizes)) }
}

extension PoolingGeometry {
  fileprivate var sizes: [Int] { input + output + kernel + stride }
  fileprivate func resized(_ sizes: [Int]) -> PoolingGeometry {
    var rest = sizes, other = self
    other.input = rest.take(rank)
    other.output = rest.take(rank)
    other.kernel = rest.take(rank)
    other.stride = rest
    return other
  }
}

extension MaxPool: SizedOperation {
  package var sizes: [Int] { geometry.sizes }
  package func resized(_ sizes: [Int]) -> MaxPool {
    MaxPool(geometry: geometry.resized(sizes), isAdaptive: isAdaptive, withIndices: withIndices)
  }
}

extension AveragePool: SizedOperation {
  package var sizes: [Int] { geometry.sizes }
  package func resized(_ sizes: [Int]) -> AveragePool {
    AveragePool(
      geometry: geometry.resized(sizes), isAdaptive: isAdaptive, isBackward: isBackward, countsPadding: countsPadding, divisor: divisor)
  }
}

// MARK: - Choices

extension TopK: SizedOperation {
  package var sizes: [Int] { [k] }
  package func resized(_ sizes: [Int]) -> TopK { TopK(k: sizes[0], dimension: dimension, largest: largest, sorted: sorted) }
}
