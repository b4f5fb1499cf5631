import CEmberFunctional
import EmberRuntime
import EmberTensor

/// A sparse matrix that resamples one dimension: output position o gathers `weights[k]` times input position `indices[k]` for k in
/// `starts[o] ..< starts[o + 1]`. Its transpose is the derivative.
package final class ResamplingMatrix: Sendable {
  package let inputCount: Int
  package let starts: [Int64]
  package let indices: [Int64]
  package let weights: [Double]

  package var outputCount: Int { starts.count - 1 }

  /// From the taps of each output position.
  init(inputCount: Int, rows: [[(index: Int, weight: Double)]]) {
    self.inputCount = inputCount
    var starts: [Int64] = [0]
    for row in rows { starts.append(starts.last! + Int64(row.count)) }
    self.starts = starts
    indices = rows.flatMap { $0.map { Int64($0.index) } }
    weights = rows.flatMap { $0.map(\.weight) }
  }

  var transposed: ResamplingMatrix {
    var rows: [[(index: Int, weight: Double)]] = Array(repeating: [], count: inputCount)
    for output in 0..<outputCount {
      for k in Int(starts[output])..<Int(starts[output + 1]) { rows[Int(indices[k])].append((output, weights[k])) }
    }
    return ResamplingMatrix(inputCount: outputCount, rows: rows)
  }

  /// The C kernels' description.
  func described(_ body: (UnsafePointer<ember_resampling>) -> Void) {
    starts.withUnsafeBufferPointer { starts in
      indices.withUnsafeBufferPointer { indices in
        weights.withUnsafeBufferPointer { weights in
          var matrix = ember_resampling(
            input: Int64(inputCount), output: Int64(outputCount), starts: starts.baseAddress, indices: indices.baseAddress,
            weights: weights.baseAddress)
          body(&matrix)
        }
      }
    }
  }
}

extension ResamplingMatrix {
  /// The filter by which Pillow resizes one dimension, for `.bilinear`, `.bicubic` and `.lanczos`; nil for other modes.
  package static func pillow(from input: Int, to output: Int, _ mode: InterpolationMode) -> ResamplingMatrix? {
    guard [.bilinear, .bicubic, .lanczos].contains(mode) else { return nil }
    return ResamplingGeometry<Double>(input: input, output: output, alignsCorners: false, factor: nil).matrix(mode, true)
  }

  /// Bytes [outer, input, inner] as bytes [outer, output, inner], to the same numbers as Pillow: weights have 22 bits after the point.
  package func resample(_ bytes: [UInt8], outer: Int, inner: Int) -> [UInt8] {
    precondition(bytes.count == outer * inputCount * inner)
    var result = [UInt8](repeating: 0, count: outer * outputCount * inner)
    described { matrix in
      bytes.withUnsafeBufferPointer { x in
        result.withUnsafeMutableBufferPointer { y in
          ember_resample_bytes(matrix, 32, x.baseAddress, y.baseAddress, Int64(outer), Int64(inner))
        }
      }
    }
    return result
  }
}

/// One dimension multiplied by a sparse matrix. Bytes are rounded to bytes again and take no gradient.
package struct Resample: UnaryOperation {
  package static let name = "interpolate"
  static let kernels = KernelTable<@Sendable (ResamplingMatrix, Tensor, Tensor, Int, Int) -> Void>(
    name,
    cpu: { matrix, x, y, outer, inner in
      matrix.described { m in
        if x.dtype == .uint8 {
          ember_resample_bytes(
            m, 16, x.operand.pointer!.assumingMemoryBound(to: UInt8.self), y.operand.pointer!.assumingMemoryBound(to: UInt8.self),
            Int64(outer), Int64(inner))
        } else {
          ember_resample(Int32(x.dtype.rawValue), m, x.operand.pointer, y.operand.pointer, Int64(outer), Int64(inner))
        }
      }
    }, cuda: cudaKernel)
  package let dimension: Int
  package let matrix: ResamplingMatrix

  package func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    let shape = try checkedShape(Array(x.shape.replacing(dimension, with: matrix.outputCount)), in: Self.name)
    let y = try Tensor.empty(shape: shape, dtype: x.dtype, like: x)
    if let kernel = try Self.kernels.kernel(on: x.device), y.elementCount > 0 {
      kernel(matrix, try x.dense(), y, x.shape.product(0..<dimension), x.shape.product((dimension + 1)..<x.rank))
    }
    return y
  }

  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    apply(Resample(dimension: dimension, matrix: matrix.transposed), gradient)
  }
}

/// The geometry of resampling one dimension, computed as PyTorch does: in float32 unless the tensor is float64.
struct ResamplingGeometry<Real: BinaryFloatingPoint> {
  let input: Int
  let output: Int
  let alignsCorners: Bool
  /// The factor that the caller gave; nil: what the extents say.
  let factor: Double?

  /// The distance between neighbouring outputs in the input.
  var scale: Real {
    if alignsCorners { return output > 1 ? Real(input - 1) / Real(output - 1) : 0 }
    if let factor, factor > 0 { return Real(1 / factor) }
    return Real(input) / Real(output)
  }

  /// Where an output lies in the input.
  private func position(_ o: Int, limited: Bool) -> Real {
    if alignsCorners { return scale * Real(o) }
    let x = scale * (Real(o) + 0.5) - 0.5
    return limited && x < 0 ? 0 : x
  }

  func matrix(_ mode: InterpolationMode, _ antialias: Bool) -> ResamplingMatrix {
    switch mode {
    case .bicubic: antialias ? antialiased(support: 2, Real.keysCubic) : cubic
    case .lanczos: antialiased(support: 3, Real.lanczos)
    default: antialias ? antialiased(support: 1, Real.triangle) : linear
    }
  }

  var linear: ResamplingMatrix {
    ResamplingMatrix(
      inputCount: input,
      rows: (0..<output).map { o in
        if input == output { return [(o, 1)] }
        let x = position(o, limited: true)
        let first = Swift.min(Int(x), input - 1)
        let share = Swift.min(Swift.max(x - Real(first), 0), 1)
        return [(first, Double(1 - share)), (Swift.min(first + 1, input - 1), Double(share))]
      })
  }

  /// Keys' cubic convolution with a = -0.75; positions beyond the edges take the edge's value.
  var cubic: ResamplingMatrix {
    ResamplingMatrix(
      inputCount: input,
      rows: (0..<output).map { o in
        let x = position(o, limited: false)
        let base = Swift.min(Int(x.rounded(.down)), input - 1)
        let t = Swift.min(Swift.max(x - Real(base), 0), 1), u = 1 - t
        let a: Real = -0.75
        func outer(_ x: Real) -> Real { ((a * x - 5 * a) * x + 8 * a) * x - 4 * a }
        func inner(_ x: Real) -> Real { ((a + 2) * x - (a + 3)) * x * x + 1 }
        let weights = [outer(t + 1), inner(t), inner(u), outer(u + 1)]
        // Positions that fall on the same edge become one.
        var taps: [(index: Int, weight: Double)] = []
        for (k, weight) in weights.enumerated() {
          let index = Swift.max(Swift.min(base + k - 1, input - 1), 0)
          if taps.last?.index == index { taps[taps.count - 1].weight += Double(weight) } else { taps.append((index, Double(weight))) }
        }
        return taps
      })
  }

  /// Filters as wide as the distance between outputs, so that no input is left out when reducing: PIL's resizing.
  func antialiased(support: Real, _ filter: (Real) -> Real) -> ResamplingMatrix {
    let width = scale >= 1 ? support * scale : support
    let inverse: Real = scale >= 1 ? 1 / scale : 1
    let most = Int(width.rounded(.up)) * 2 + 1
    return ResamplingMatrix(
      inputCount: input,
      rows: (0..<output).map { o in
        let centre = scale * (Real(o) + 0.5)
        let first = Swift.max(Int(centre - width + 0.5), 0)
        let count = Swift.min(Swift.max(Swift.min(Int(centre + width + 0.5), input) - first, 0), most)
        var weights = (0..<count).map { filter((Real($0 + first) - centre + 0.5) * inverse) }
        let total = weights.reduce(0, +)
        if total != 0 { weights = weights.map { $0 / total } }
        return weights.enumerated().map { (first + $0.offset, Double($0.element)) }
      })
  }
}

extension BinaryFloatingPoint {
  /// 1 - |x| within 1 of 0.
  static func triangle(_ x: Self) -> Self { Swift.max(1 - x.magnitude, 0) }

  /// Keys' cubic with a = -0.5, as PIL uses.
  static func keysCubic(_ x: Self) -> Self {
    let a: Self = -0.5, x = x.magnitude
    if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0
  }

  /// sinc(x)·sinc(x / 3) within 3 of 0.
  static func lanczos(_ x: Self) -> Self {
    guard x.magnitude < 3 else { return 0 }
    if x == 0 { return 1 }
    let angle = Double(x) * Double.pi
    return Self(ember_sine(angle) / angle * (ember_sine(angle / 3) / (angle / 3)))
  }
}
