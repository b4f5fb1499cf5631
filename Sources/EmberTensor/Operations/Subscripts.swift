import EmberRuntime

/// What may stand between the brackets of `x[…]`.
public enum TensorIndex: Sendable {
  /// One position, which removes the dimension; negative counts from the end.
  case position(Int)
  /// Positions start, start + step, … before end; nil: from or to the edge. Negative bounds count from the end; bounds outside are
  /// clipped, as PyTorch does.
  case range(start: Int?, end: Int?, step: Int)
  /// As many whole dimensions as are left over: `.ellipsis`.
  case remainder
  /// A new dimension of extent 1: `.newAxis`.
  case insertion
  /// Positions from an integer tensor, or the true ones of a mask.
  case tensor(Tensor)

  /// Stands for members of a batch or for a value of a graph, so that there is no memory to write to.
  var isSymbolic: Bool { if case .tensor(let tensor) = self { tensor.isSymbolic } else { false } }
}

/// Types that index a tensor.
public protocol TensorIndexConvertible {
  var tensorIndex: TensorIndex { get }
}

extension TensorIndex: TensorIndexConvertible {
  public var tensorIndex: TensorIndex { self }
}

/// On the protocol, so that `x[.all, 0]` finds them.
extension TensorIndexConvertible where Self == TensorIndex {
  /// As many whole dimensions as are left over: Python's `...`.
  public static var ellipsis: TensorIndex { .remainder }
  /// A new dimension of extent 1: Python's `None`.
  public static var newAxis: TensorIndex { .insertion }
  /// The whole dimension: Python's `:`.
  public static var all: TensorIndex { .range(start: nil, end: nil, step: 1) }
  /// Python's `start:end:step`. The step must be positive; `flip` reverses.
  public static func slice(_ start: Int? = nil, _ end: Int? = nil, step: Int = 1) -> TensorIndex {
    .range(start: start, end: end, step: step)
  }
}

extension Int: TensorIndexConvertible { public var tensorIndex: TensorIndex { .position(self) } }
extension Tensor: TensorIndexConvertible { public var tensorIndex: TensorIndex { .tensor(self) } }
extension Array: TensorIndexConvertible where Element == Int { public var tensorIndex: TensorIndex { .tensor(Tensor(self)) } }
extension Range: TensorIndexConvertible where Bound == Int {
  public var tensorIndex: TensorIndex { .range(start: lowerBound, end: upperBound, step: 1) }
}
extension ClosedRange: TensorIndexConvertible where Bound == Int {
  public var tensorIndex: TensorIndex { .range(start: lowerBound, end: endAfter(upperBound), step: 1) }
}
extension PartialRangeFrom: TensorIndexConvertible where Bound == Int {
  public var tensorIndex: TensorIndex { .range(start: lowerBound, end: nil, step: 1) }
}
extension PartialRangeUpTo: TensorIndexConvertible where Bound == Int {
  public var tensorIndex: TensorIndex { .range(start: nil, end: upperBound, step: 1) }
}
extension PartialRangeThrough: TensorIndexConvertible where Bound == Int {
  public var tensorIndex: TensorIndex { .range(start: nil, end: endAfter(upperBound), step: 1) }
}
extension StrideTo: TensorIndexConvertible where Element == Int {
  public var tensorIndex: TensorIndex {
    guard let (first, last, step) = ends else { return .range(start: 0, end: 0, step: 1) }
    if step > 0 { return .range(start: first, end: endAfter(last), step: step) }
    let (distance, overflow) = first.subtractingReportingOverflow(last)
    guard !overflow, distance / Int(step.magnitude) < 1 << 40 else {
      return .tensor(refuse(.memory, "index", "a stride down from \(first) has more positions than can be held"))
    }
    return .tensor(Tensor(Array(self)))
  }

  /// First and last position and the step, without walking there; nil if there is no position.
  private var ends: (first: Int, last: Int, step: Int)? {
    var positions = makeIterator()
    guard let first = positions.next() else { return nil }
    guard let second = positions.next() else { return (first, first, 1) }
    let step = second - first
    // Swift keeps the end to itself but for its mirror.
    guard let end = Mirror(reflecting: self).children.first(where: { $0.label == "to" })?.value as? Int else {
      return (first, Array(self).last!, step)
    }
    // In the end's direction from `first`, so that the distance fits its magnitude.
    let distance = (step > 0 ? UInt(bitPattern: end &- first) : UInt(bitPattern: first &- end)) - 1
    let whole = Int(bitPattern: distance / step.magnitude &* step.magnitude)
    return (first, step > 0 ? first &+ whole : first &- whole, step)
  }
}

/// The end of a range that includes `last`; nil for one that reaches the edge.
private func endAfter(_ last: Int) -> Int? { last == -1 || last == .max ? nil : last + 1 }

extension Tensor {
  /// Reads or writes a part: `x[0]`, `x[1..<3, .all]`, `x[.ellipsis, -1]`, `x[mask]`, `x[rows, columns]`.
  ///
  /// Reading positions and ranges makes a view; index tensors and masks copy. Writing changes this value only.
  public subscript(_ a: some TensorIndexConvertible) -> Tensor {
    get { read([a.tensorIndex]) }
    set { write(newValue, [a.tensorIndex]) }
  }

  public subscript(_ a: some TensorIndexConvertible, _ b: some TensorIndexConvertible) -> Tensor {
    get { read([a.tensorIndex, b.tensorIndex]) }
    set { write(newValue, [a.tensorIndex, b.tensorIndex]) }
  }

  public subscript(_ a: some TensorIndexConvertible, _ b: some TensorIndexConvertible, _ c: some TensorIndexConvertible) -> Tensor {
    get { read([a.tensorIndex, b.tensorIndex, c.tensorIndex]) }
    set { write(newValue, [a.tensorIndex, b.tensorIndex, c.tensorIndex]) }
  }

  public subscript(
    _ a: some TensorIndexConvertible, _ b: some TensorIndexConvertible, _ c: some TensorIndexConvertible,
    _ d: some TensorIndexConvertible
  ) -> Tensor {
    get { read([a.tensorIndex, b.tensorIndex, c.tensorIndex, d.tensorIndex]) }
    set { write(newValue, [a.tensorIndex, b.tensorIndex, c.tensorIndex, d.tensorIndex]) }
  }

  public subscript(
    _ a: some TensorIndexConvertible, _ b: some TensorIndexConvertible, _ c: some TensorIndexConvertible,
    _ d: some TensorIndexConvertible, _ e: some TensorIndexConvertible
  ) -> Tensor {
    get { read([a.tensorIndex, b.tensorIndex, c.tensorIndex, d.tensorIndex, e.tensorIndex]) }
    set { write(newValue, [a.tensorIndex, b.tensorIndex, c.tensorIndex, d.tensorIndex, e.tensorIndex]) }
  }

  public subscript(
    _ a: some TensorIndexConvertible, _ b: some TensorIndexConvertible, _ c: some TensorIndexConvertible,
    _ d: some TensorIndexConvertible, _ e: some TensorIndexConvertible, _ f: some TensorIndexConvertible
  ) -> Tensor {
    get { read([a.tensorIndex, b.tensorIndex, c.tensorIndex, d.tensorIndex, e.tensorIndex, f.tensorIndex]) }
    set { write(newValue, [a.tensorIndex, b.tensorIndex, c.tensorIndex, d.tensorIndex, e.tensorIndex, f.tensorIndex]) }
  }

  /// `x[..., 0]`: an ellipsis first, as Python writes it.
  public subscript(_ ellipsis: UnboundedRange, _ a: some TensorIndexConvertible) -> Tensor {
    get { read([.remainder, a.tensorIndex]) }
    set { write(newValue, [.remainder, a.tensorIndex]) }
  }

  public subscript(_ ellipsis: UnboundedRange, _ a: some TensorIndexConvertible, _ b: some TensorIndexConvertible) -> Tensor {
    get { read([.remainder, a.tensorIndex, b.tensorIndex]) }
    set { write(newValue, [.remainder, a.tensorIndex, b.tensorIndex]) }
  }

  /// The same for indices in an array.
  public subscript(indices indices: [TensorIndex]) -> Tensor {
    get { read(indices) }
    set { write(newValue, indices) }
  }

  /// The view that positions and ranges leave, and the index tensors for its dimensions.
  private func resolve(_ indices: [TensorIndex]) throws(EmberError) -> (view: Tensor, indices: [(dimension: Int, index: Tensor)]) {
    var consumed = 0, hasEllipsis = false
    for index in indices {
      switch index {
      case .position, .range: consumed += 1
      case .tensor(let tensor):
        if tensor.isPoisoned { throw EmberError(.poisoned, in: "index", "an index is the result of an operation that failed") }
        consumed += tensor.dtype == .bool ? tensor.rank : 1
      case .remainder:
        if hasEllipsis { throw EmberError(.index, in: "index", "only one ellipsis is allowed") }
        hasEllipsis = true
      case .insertion: break
      }
    }
    guard consumed <= rank else {
      throw EmberError(.index, in: "index", "\(consumed) indices for \(summary), which has \(rank) dimensions")
    }
    var view = self, dimension = 0, tensors: [(Int, Tensor)] = []
    for index in indices {
      switch index {
      case .position(let i):
        let extent = view.shape[dimension]
        guard i >= -extent, i < extent else {
          throw EmberError(
            .index, in: "index", "position \(i) of dimension \(dimension) of \(view.summary); allowed are \(-extent)...\(extent - 1)")
        }
        view = apply(Select(dimension: dimension, index: i < 0 ? i + extent : i), view)
      case .range(let start, let end, let step):
        let slice = try Slice.clipped(view, dimension, start, end, step)
        if slice.count != view.shape[dimension] { view = apply(slice, view) }
        dimension += 1
      case .remainder: dimension += rank - consumed
      case .insertion:
        view = view.unsqueeze(dimension)
        dimension += 1
      case .tensor(let given):
        // Index tensors may stay on the CPU, where programs make them.
        let tensor = given.device != device && given.device == .cpu ? given.to(device) : given
        if tensor.dtype == .bool {
          for i in 0..<tensor.rank where tensor.shape[i] != view.shape[dimension + i] {
            throw EmberError(
              .shape, in: "index", "a mask \(tensor.summary) for dimensions \(dimension)... of \(view.summary); its extents must agree")
          }
          guard tensor.rank > 0 else {
            throw EmberError(
              .shape, in: "index", "a mask \(tensor.summary) for \(view.summary); a mask must have at least one dimension")
          }
          let positions = tensor.nonzero()
          for i in 0..<tensor.rank { tensors.append((dimension + i, positions.select(1, i))) }
          dimension += tensor.rank
        } else {
          tensors.append((dimension, tensor))
          dimension += 1
        }
      }
      if view.isPoisoned { throw EmberError(.poisoned, in: "index", "the tensor cannot be indexed") }
    }
    return (view, tensors)
  }

  private func read(_ indices: [TensorIndex]) -> Tensor {
    guard mayRun("index", self) else { return .poison }
    if let selected = selected(by: indices) { return selected }
    return attempt { () throws(EmberError) in
      let (view, tensors) = try resolve(indices)
      if tensors.isEmpty { return view }
      return EmberTensor.apply(IndexGet(dimensions: tensors.map(\.dimension)), [view] + tensors.map(\.index))[0]
    }
  }

  private mutating func write(_ value: Tensor, _ indices: [TensorIndex]) {
    guard mayRun("index_put", self), mayRun("index_put", value) else { return }
    if isSymbolic || value.isSymbolic || indices.contains(where: \.isSymbolic) { return writeSymbolic(value, indices) }
    // A single number may come from the CPU, where programs make it.
    let newValue = value.rank == 0 && value.device == .cpu && device != .cpu ? value.to(device) : value
    let isRecorded = isRecordingEnabled && (node != nil || newValue.node != nil) && dtype.isDifferentiable
    do throws(EmberError) {
      try checkDevices("index_put", self, newValue)
      let (target, tensors, resultShape) = try region(of: indices)
      guard newValue.shape.broadcast(with: resultShape) == resultShape else {
        throw EmberError(.shape, in: "index_put", "values \(newValue.summary) do not fill the indexed shape \(resultShape) of \(summary)")
      }
      let history = node
      let written = try replace(target, with: newValue.value, tensors)
      if isRecorded {
        node = VariadicNode(
          RegionPut(region: written, dimensions: tensors.map(\.dimension)),
          [Tensor(body, node: history), newValue] + tensors.map { Optional($0.index) }, [self])
      }
    } catch {
      raise(error)
    }
  }

  /// Inside `vmap` and `capture`, where there is no memory to write to: a new value with the part replaced.
  private mutating func writeSymbolic(_ value: Tensor, _ indices: [TensorIndex]) {
    do throws(EmberError) {
      // Only its layout counts.
      let member = Tensor.empty(Array(body.shape), dtype: dtype, on: device)
      let (view, tensors) = try member.resolve(indices)
      let region = Region(shape: view.body.shape, strides: view.body.strides, offset: view.body.offset)
      self =
        EmberTensor.apply(
          RegionPut(region: region, dimensions: tensors.map(\.dimension)), [contiguous(), value] + tensors.map { Optional($0.index) })[0]
    } catch {
      raise(error)
    }
  }

  /// Where a subscript writes. Holds no reference to the memory, so that it can then be found unshared.
  private func region(
    of indices: [TensorIndex]
  ) throws(EmberError) -> (region: Region, tensors: [(dimension: Int, index: Tensor)], resultShape: Shape) {
    let (view, tensors) = try value.resolve(indices)
    let region = Region(shape: view.body.shape, strides: view.body.strides, offset: view.body.offset - body.offset)
    if tensors.isEmpty { return (region, [], view.body.shape) }
    // The shape that reading would give, from the rule that reading has.
    let shapes =
      [Tensor.empty(Array(view.shape), on: .meta)] + tensors.map { Tensor.empty(Array($0.index.shape), dtype: .int64, on: .meta) }
    return (region, tensors, try IndexGet(dimensions: tensors.map(\.dimension)).forward(shapes)[0].shape)
  }

  /// Writes into this value's memory, copying it first if it is shared or not dense. Returns the region as of the dense layout.
  private mutating func replace(
    _ target: Region, with source: Tensor, _ tensors: [(dimension: Int, index: Tensor)]
  ) throws(EmberError) -> Region {
    let history = node
    node = nil
    var isComplete = false
    // A write that is refused leaves value and history.
    defer { if !isComplete { node = history } }
    var region = target
    if !isContiguous || !isUniquelyHeld() {
      let old = body
      self = try Contiguous().forward(value)
      region = region.moved(from: old, to: body)
    }
    let part = view(region.shape, region.strides, offset: body.offset + region.offset)
    if tensors.isEmpty {
      let full = try Expand(shape: Array(region.shape)).forward(source)
      if backend.holdsData, part.elementCount > 0 { backend.copy(full.operand, to: part.operand) }
    } else {
      try IndexPut(dimensions: tensors.map(\.dimension), accumulate: false).write(source, to: part, tensors.map(\.index))
    }
    isComplete = true
    return region
  }
}

// Numbers are written only: reading gives a tensor. Each form of indices needs its own overload.
extension Tensor {
  /// Writes a number into every element of a part: `x[0] = 1`, `x[.all, 2] = 0.5`, `x[x .< 0] = 0`. Fractions are cut off in integer tensors, as in PyTorch;
  /// one that is out of the dtype's range is an error.
  @_disfavoredOverload
  public subscript<Number: TensorElement>(_ a: some TensorIndexConvertible) -> Number {
    @available(*, unavailable, message: "x[0].item() is the number of an element; comparisons of elements are .==, .<") get { fatalError() }
    set { write(newValue, [a.tensorIndex]) }
  }

  /// The same for two indices.
  @_disfavoredOverload
  public subscript<Number: TensorElement>(_ a: some TensorIndexConvertible, _ b: some TensorIndexConvertible) -> Number {
    @available(*, unavailable, message: "x[0].item() is the number of an element; comparisons of elements are .==, .<") get { fatalError() }
    set { write(newValue, [a.tensorIndex, b.tensorIndex]) }
  }

  /// The same for three indices.
  @_disfavoredOverload
  public subscript<Number: TensorElement>(_ a: some TensorIndexConvertible, _ b: some TensorIndexConvertible, _ c: some TensorIndexConvertible) -> Number {
    @available(*, unavailable, message: "x[0].item() is the number of an element; comparisons of elements are .==, .<") get { fatalError() }
    set { write(newValue, [a.tensorIndex, b.tensorIndex, c.tensorIndex]) }
  }

  /// The same for four indices.
  @_disfavoredOverload
  public subscript<Number: TensorElement>(
    _ a: some TensorIndexConvertible, _ b: some TensorIndexConvertible, _ c: some TensorIndexConvertible,
    _ d: some TensorIndexConvertible
  ) -> Number {
    @available(*, unavailable, message: "x[0].item() is the number of an element; comparisons of elements are .==, .<") get { fatalError() }
    set { write(newValue, [a.tensorIndex, b.tensorIndex, c.tensorIndex, d.tensorIndex]) }
  }

  /// The same for five indices.
  @_disfavoredOverload
  public subscript<Number: TensorElement>(
    _ a: some TensorIndexConvertible, _ b: some TensorIndexConvertible, _ c: some TensorIndexConvertible,
    _ d: some TensorIndexConvertible, _ e: some TensorIndexConvertible
  ) -> Number {
    @available(*, unavailable, message: "x[0].item() is the number of an element; comparisons of elements are .==, .<") get { fatalError() }
    set { write(newValue, [a.tensorIndex, b.tensorIndex, c.tensorIndex, d.tensorIndex, e.tensorIndex]) }
  }

  /// The same for six indices.
  @_disfavoredOverload
  public subscript<Number: TensorElement>(
    _ a: some TensorIndexConvertible, _ b: some TensorIndexConvertible, _ c: some TensorIndexConvertible,
    _ d: some TensorIndexConvertible, _ e: some TensorIndexConvertible, _ f: some TensorIndexConvertible
  ) -> Number {
    @available(*, unavailable, message: "x[0].item() is the number of an element; comparisons of elements are .==, .<") get { fatalError() }
    set { write(newValue, [a.tensorIndex, b.tensorIndex, c.tensorIndex, d.tensorIndex, e.tensorIndex, f.tensorIndex]) }
  }

  /// The same behind an ellipsis: `x[..., 0] = 1`.
  @_disfavoredOverload
  public subscript<Number: TensorElement>(_ ellipsis: UnboundedRange, _ a: some TensorIndexConvertible) -> Number {
    @available(*, unavailable, message: "x[0].item() is the number of an element; comparisons of elements are .==, .<") get { fatalError() }
    set { write(newValue, [.remainder, a.tensorIndex]) }
  }

  /// The same for two indices.
  @_disfavoredOverload
  public subscript<Number: TensorElement>(_ ellipsis: UnboundedRange, _ a: some TensorIndexConvertible, _ b: some TensorIndexConvertible) -> Number {
    @available(*, unavailable, message: "x[0].item() is the number of an element; comparisons of elements are .==, .<") get { fatalError() }
    set { write(newValue, [.remainder, a.tensorIndex, b.tensorIndex]) }
  }

  /// The same for indices in an array.
  @_disfavoredOverload
  public subscript<Number: TensorElement>(indices indices: [TensorIndex]) -> Number {
    @available(*, unavailable, message: "x[0].item() is the number of an element; comparisons of elements are .==, .<") get { fatalError() }
    set { write(newValue, indices) }
  }

  private mutating func write<Number: TensorElement>(_ number: Number, _ indices: [TensorIndex]) {
    guard mayRun("index_put", self) else { return }
    if let reason = misfit(of: number) {
      raise(EmberError(.value, in: "index_put", "\(number) cannot be an element of \(summary): \(reason)"))
      return
    }
    write(Tensor([number], shape: []).to(dtype).to(device), indices)
  }

  /// What keeps a number from being an element; nil if nothing does. Negative numbers wrap in unsigned dtypes, as in PyTorch.
  private func misfit<Number: TensorElement>(of number: Number) -> String? {
    if Number.dtype.isComplex { return dtype.isComplex || dtype == .bool ? nil : "it is complex" }
    guard dtype.isInteger else { return nil }
    func size(_ integer: some BinaryInteger) -> UInt64? { UInt64(exactly: integer.magnitude) }
    let value = number.scalar.doubleValue, isNegative = value < 0
    let magnitude = (number as? any BinaryInteger).map { size($0) } ?? UInt64(exactly: value.magnitude.rounded(.down))
    guard let magnitude else { return value.isNaN ? "it is no number" : "it is out of range" }
    let largest = UInt64.max >> (64 - 8 * dtype.size)
    return magnitude <= (dtype.isSigned ? largest / 2 + (isNegative ? 1 : 0) : largest) ? nil : "it is out of range"
  }
}

/// A part of a tensor's memory, relative to its first element.
struct Region: Sendable {
  var shape: Shape
  var strides: Strides
  var offset: Int

  /// The same elements of a dense copy. Every stride of a part is a combination of the tensor's own; positions are
  /// recovered by dividing out the old strides, largest first.
  func moved(from old: TensorBody, to new: TensorBody) -> Region {
    func convert(_ distance: Int) -> Int {
      var rest = distance, result = 0
      let order = (0..<old.shape.rank).filter { old.shape[unchecked: $0] > 1 && old.strides[$0] != 0 }
        .sorted { abs(old.strides[$0]) > abs(old.strides[$1]) }
      for i in order {
        let count = rest / old.strides[i]
        result += count * new.strides[i]
        rest -= count * old.strides[i]
      }
      return result
    }
    var steps = Strides()
    for i in 0..<strides.count { steps.append(convert(strides[i])) }
    return Region(shape: shape, strides: steps, offset: convert(offset))
  }
}

/// The record of a write into a part: gradients of the rest pass, those of the part go to what was written.
struct RegionPut: VariadicOperation {
  static let name = "index_put"
  let region: Region
  let dimensions: [Int]
  let saved: SavedTensors = SavedTensors.inputs.subtracting([.input0, .input1])

  /// Outside of `vmap` writes are made in place; this makes a new tensor.
  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let result = try Contiguous().forward(inputs[0]!), source = inputs[1]!
    let part = result.view(region.shape, region.strides, offset: result.body.offset + region.offset)
    if dimensions.isEmpty {
      guard source.body.shape.broadcast(with: region.shape) == region.shape else {
        throw EmberError(
          .shape, in: "index_put", "values \(source.summary) do not fill the indexed shape \(region.shape) of \(result.summary)")
      }
      let full = try Expand(shape: Array(region.shape)).forward(source)
      if result.backend.holdsData, part.elementCount > 0 { result.backend.copy(full.operand, to: part.operand) }
    } else {
      try IndexPut(dimensions: dimensions, accumulate: false).write(source, to: part, inputs.dropFirst(2).map { $0! })
    }
    return [result]
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let g = gradients[0] else { return [nil] }
    let count = context.inputCount
    let indices = (2..<count).map { context.input($0) }
    let dense = g.contiguous()
    let part = apply(RegionGet(region: region), dense)
    let taken = indices.isEmpty ? part : apply(IndexGet(dimensions: dimensions), [part] + indices)[0]
    let source: Tensor? = context.needs(1) ? taken.sum(to: context.inputShape(1)).to(context.inputDType(1)) : nil
    var own: Tensor?
    if context.needs(0) { own = apply(RegionClear(region: region, dimensions: dimensions), [dense] + indices)[0] }
    return [own, source] + indices.map { _ in nil }
  }
}

/// A part of a dense tensor as a view.
struct RegionGet: UnaryOperation {
  static let name = "index"
  let region: Region
  func forward(_ x: Tensor) throws(EmberError) -> Tensor { x.view(region.shape, region.strides, offset: x.body.offset + region.offset) }
  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    apply(RegionBackward(region: region, shape: context.inputShape(0)), gradient)
  }
}

/// Zeros with a part filled in: the gradient of `RegionGet`.
struct RegionBackward: UnaryOperation {
  static let name = "index_backward"
  let region: Region
  let shape: Shape
  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    let result = try Tensor.empty(shape: shape, dtype: x.dtype, like: x)
    result.fillMemory(0)
    let part = result.view(region.shape, region.strides, offset: region.offset)
    if x.backend.holdsData, part.elementCount > 0 { x.backend.copy(x.operand, to: part.operand) }
    return result
  }
  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? { apply(RegionGet(region: region), gradient.contiguous()) }
}

/// A dense tensor with zeros in a part.
struct RegionClear: VariadicOperation {
  static let name = "index_put"
  let region: Region
  let dimensions: [Int]
  let saved: SavedTensors = SavedTensors.inputs.subtracting(.input0)
  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let result = try Contiguous().forward(inputs[0]!)
    let part = result.view(region.shape, region.strides, offset: region.offset)
    if dimensions.isEmpty {
      part.fillMemory(0)
    } else {
      try IndexPut(dimensions: dimensions, accumulate: false).write(
        Tensor.zeros([], dtype: result.dtype, on: result.device), to: part, inputs.dropFirst().map { $0! })
    }
    return [result]
  }
  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    let indices = dimensions.indices.map { context.input($0 + 1) }
    return [gradients[0].map { apply(self, [$0.contiguous()] + indices)[0] }] + indices.map { _ in nil }
  }
}
