import EmberFormats
import EmberRuntime
import EmberSparse
import EmberTensor

/// Holds results against expected ones by the corpus's own rules and tolerances, never looser.
struct Comparison {
  let reader: ValueReader
  let relative: Double
  let absolute: Double

  /// `expected` may carry tolerances of its own.
  private func tolerances(_ expected: JSON) -> (relative: Double, absolute: Double) {
    (expected["rtol"]?.real ?? relative, expected["atol"]?.real ?? absolute)
  }

  /// Why a value differs from what is expected, or nil.
  func difference(_ actual: OperatorValue, _ expected: JSON, firstArgument: OperatorValue?, indexedDimension: Int?) throws -> String? {
    let actual = actual.mapTensors(\.onHost), firstArgument = firstArgument?.mapTensors(\.onHost)
    let tag = expected["t"]?.text ?? ""
    let onlyShape = expected["check"]?.text == "shape"
    if tag == "tensor", let layout = expected["layout"]?.text, layout != "strided" {
      return try sparseDifference(actual, try reader.sparse(expected, layout: layout), tolerances(expected))
    }
    if tag == "tensor" {
      guard case .tensor(let tensor) = actual else { return "the result is a \(actual.kind), not a tensor" }
      return try difference(tensor, expected, firstArgument: firstArgument, indexedDimension: indexedDimension)
    }
    if tag == "unchecked" { return nil }
    if onlyShape { return tag == actual.kind ? nil : "the result is a \(actual.kind), not a \(tag)" }
    var copy = reader
    let wanted = try copy.value(expected)
    switch (actual, wanted) {
    case (.none, .none): return nil
    case (.bool(let a), .bool(let b)): return a == b ? nil : "\(a), not \(b)"
    case (.integer(let a), .integer(let b)): return a == b ? nil : "\(a), not \(b)"
    case (.string(let a), .string(let b)): return a == b ? nil : "\(a), not \(b)"
    case (.real(let a), .real(let b)): return Self.isClose(a, b, tolerances(expected)) ? nil : "\(a), not \(b)"
    case (.complex(let a, let b), .complex(let c, let d)):
      return Self.isClose(a, c, tolerances(expected)) && Self.isClose(b, d, tolerances(expected)) ? nil : "(\(a), \(b)), not (\(c), \(d))"
    case (.dtype(let a), .dtype(let b)): return a == b ? nil : "\(a), not \(b)"
    case (.list(let a), .list(let b)):
      let (first, second) = (a.compactMap(\.scalar), b.compactMap(\.scalar))
      return first.count == a.count && first == second ? nil : "another list"
    default: return "the result is a \(actual.kind), not a \(wanted.kind)"
    }
  }

  func difference(_ actual: Tensor, _ expected: JSON, firstArgument: OperatorValue?, indexedDimension: Int?) throws -> String? {
    let actual = actual.onHost
    guard let name = expected["dtype"]?.text, let extents = expected["shape"]?.items?.compactMap(\.integer) else {
      throw CaseFailure("an expected tensor lacks dtype or shape")
    }
    let dtype = try ValueReader.dtype(name)
    if actual.dtype != dtype { return "the dtype is \(actual.dtype), not \(dtype)" }
    if !actual.shape.elementsEqual(extents) { return "the shape is \(actual.shape), not \(extents)" }
    if expected["check"]?.text == "shape" { return nil }
    let wanted = try reader.tensor(expected)
    switch expected["check"]?.text {
    case nil: return Self.difference(actual, wanted, tolerances(expected))
    case "abs2": return Self.difference(Self.squaredMagnitude(actual), Self.squaredMagnitude(wanted), tolerances(expected))
    case "multiset":
      if wanted.dtype.isComplex { return Self.complexMultisetDifference(actual, wanted, tolerances(expected)) }
      return Self.difference(Self.sorted(actual), Self.sorted(wanted), tolerances(expected))
    case "gather":
      guard case .tensor(let source)? = firstArgument else { return "the indices select from no tensor" }
      var dimension = expected["dim"]?.integer ?? indexedDimension ?? -1
      if dimension < 0 { dimension += source.rank }
      func selected(_ indices: Tensor) -> Tensor {
        let whole = indices.rank < source.rank ? indices.unsqueeze(dimension) : indices
        return source.detach().gather(dim: dimension, index: whole)
      }
      return try catchingErrors { Self.difference(selected(actual), selected(wanted), tolerances(expected)) }
    case let other?: throw CaseFailure("an unknown check, \(other)")
    }
  }

  /// Sparse results agree if their layouts and dtypes do, and all elements, those that are not stored being 0.
  private func sparseDifference(
    _ actual: OperatorValue, _ expected: SparseTensor, _ tolerances: (relative: Double, absolute: Double)
  ) throws -> String? {
    guard case .opaque(let value) = actual, let tensor = value as? SparseTensor else { return "the result is a \(actual.kind), not a sparse tensor" }
    if tensor.layout != expected.layout { return "the layout is \(tensor.layout.rawValue), not \(expected.layout.rawValue)" }
    if tensor.dtype != expected.dtype { return "the dtype is \(tensor.dtype), not \(expected.dtype)" }
    if tensor.shape != expected.shape { return "the shape is \(tensor.shape), not \(expected.shape)" }
    return try catchingErrors { Self.difference(try tensor.dense(), try expected.dense(), tolerances) }
  }

  static func squaredMagnitude(_ x: Tensor) -> Tensor { x.dtype.isComplex ? (x * x.conj()).real : x * x }

  private static func sorted(_ x: Tensor) -> Tensor { x.detach().sort(-1).values }

  /// Complex numbers have no order: every expected one takes the nearest of its row that is left.
  private static func complexMultisetDifference(
    _ actual: Tensor, _ expected: Tensor, _ tolerances: (relative: Double, absolute: Double)
  ) -> String? {
    let length = expected.rank == 0 ? 1 : expected.size(-1)
    var rest = actual.detach().to(.complex128).elements(as: Complex<Double>.self)
    let wanted = expected.to(.complex128).elements(as: Complex<Double>.self)
    guard rest.count == wanted.count else { return "\(rest.count) elements, not \(wanted.count)" }
    func distance(_ a: Complex<Double>, _ b: Complex<Double>) -> Double {
      let x = a.real - b.real, y = a.imaginary - b.imaginary
      return x * x + y * y
    }
    for (i, number) in wanted.enumerated() {
      let row = i..<((i / length + 1) * length)
      let nearest = row.min { distance(rest[$0], number) < distance(rest[$1], number) }!
      rest.swapAt(i, nearest)
      if !isClose(rest[i], number, tolerances) { return "row \(i / length): \(number) is missing; the nearest is \(rest[i])" }
    }
    return nil
  }

  /// Element by element: |actual - expected| <= atol + rtol * |expected|, with equal positions of NaN and infinities.
  static func difference(_ actual: Tensor, _ expected: Tensor, _ tolerances: (relative: Double, absolute: Double)) -> String? {
    let actual = actual.onHost
    let a = actual.detach(), b = expected.detach()
    switch b.dtype.category {
    case .bool, .integer: return firstDifference(a.elements(as: Int64.self), b.elements(as: Int64.self), ==)
    case .floatingPoint:
      return firstDifference(a.to(.float64).elements(as: Double.self), b.to(.float64).elements(as: Double.self)) { isClose($0, $1, tolerances) }
    case .complex:
      return firstDifference(
        a.to(.complex128).elements(as: Complex<Double>.self), b.to(.complex128).elements(as: Complex<Double>.self)
      ) { isClose($0, $1, tolerances) }
    }
  }

  private static func firstDifference<Element>(_ actual: [Element], _ expected: [Element], _ agree: (Element, Element) -> Bool) -> String? {
    guard actual.count == expected.count else { return "\(actual.count) elements, not \(expected.count)" }
    for (i, (a, b)) in zip(actual, expected).enumerated() where !agree(a, b) { return "element \(i) is \(a), not \(b)" }
    return nil
  }

  static func isClose(_ a: Double, _ b: Double, _ tolerances: (relative: Double, absolute: Double)) -> Bool {
    if b.isNaN || a.isNaN { return a.isNaN && b.isNaN }
    if b.isInfinite || a.isInfinite { return a == b }
    return (a - b).magnitude <= tolerances.absolute + tolerances.relative * b.magnitude
  }

  private static func isClose(_ a: Complex<Double>, _ b: Complex<Double>, _ tolerances: (relative: Double, absolute: Double)) -> Bool {
    let isFinite = a.real.isFinite && a.imaginary.isFinite && b.real.isFinite && b.imaginary.isFinite
    guard isFinite else { return isClose(a.real, b.real, tolerances) && isClose(a.imaginary, b.imaginary, tolerances) }
    func magnitude(_ x: Double, _ y: Double) -> Double {
      let scale = max(x.magnitude, y.magnitude)
      return scale == 0 ? 0 : scale * ((x / scale) * (x / scale) + (y / scale) * (y / scale)).squareRoot()
    }
    return magnitude(a.real - b.real, a.imaginary - b.imaginary)
      <= tolerances.absolute + tolerances.relative * magnitude(b.real, b.imaginary)
  }
}
