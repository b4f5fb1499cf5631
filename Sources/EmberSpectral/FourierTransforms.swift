import EmberRuntime
import EmberTensor

/// Discrete Fourier transforms, PyTorch's `torch.fft`.
///
/// Any length is O(n log n). Integers and bool are taken as float32; 16-bit types are refused. `n` and `s` cut the input or
/// pad it with zeros before the transform. Derivatives are transforms again.
public enum FFT {
  /// By what a transform is divided: `forward` and `backward` divide in that direction by n, `ortho` in both by √n.
  public enum Normalization: String, Sendable {
    case forward, backward, ortho

    fileprivate func scale(_ n: Int, inverse: Bool) -> Double {
      switch self {
      case .ortho: 1 / Double(n).squareRoot()
      case .forward: inverse ? 1 : 1 / Double(n)
      case .backward: inverse ? 1 / Double(n) : 1
      }
    }
  }

  // MARK: One dimension

  public static func fft(_ x: Tensor, n: Int? = nil, dim: Int = -1, norm: Normalization = .backward) -> Tensor {
    complex("fft.fft", x, n.map { [$0] }, [dim], norm, inverse: false)
  }
  public static func ifft(_ x: Tensor, n: Int? = nil, dim: Int = -1, norm: Normalization = .backward) -> Tensor {
    complex("fft.ifft", x, n.map { [$0] }, [dim], norm, inverse: true)
  }
  /// Of real input: the first n/2 + 1 values, whose conjugates the others are.
  public static func rfft(_ x: Tensor, n: Int? = nil, dim: Int = -1, norm: Normalization = .backward) -> Tensor {
    toComplex("fft.rfft", x, n.map { [$0] }, [dim], norm, inverse: false)
  }
  /// The inverse of `rfft`; `n` is the length of the result, by default an even one.
  public static func irfft(_ x: Tensor, n: Int? = nil, dim: Int = -1, norm: Normalization = .backward) -> Tensor {
    toReal("fft.irfft", x, n.map { [$0] }, [dim], norm, inverse: true)
  }
  /// The (real) transform of a signal that is Hermitian, of which the first half is given.
  public static func hfft(_ x: Tensor, n: Int? = nil, dim: Int = -1, norm: Normalization = .backward) -> Tensor {
    toReal("fft.hfft", x, n.map { [$0] }, [dim], norm, inverse: false)
  }
  /// The inverse of `hfft`.
  public static func ihfft(_ x: Tensor, n: Int? = nil, dim: Int = -1, norm: Normalization = .backward) -> Tensor {
    toComplex("fft.ihfft", x, n.map { [$0] }, [dim], norm, inverse: true)
  }

  // MARK: Several dimensions. `dim` nil: the last ones if `s` is given, else all.

  public static func fftn(_ x: Tensor, s: [Int]? = nil, dim: [Int]? = nil, norm: Normalization = .backward) -> Tensor {
    complex("fft.fftn", x, s, dim, norm, inverse: false)
  }
  public static func ifftn(_ x: Tensor, s: [Int]? = nil, dim: [Int]? = nil, norm: Normalization = .backward) -> Tensor {
    complex("fft.ifftn", x, s, dim, norm, inverse: true)
  }
  public static func rfftn(_ x: Tensor, s: [Int]? = nil, dim: [Int]? = nil, norm: Normalization = .backward) -> Tensor {
    toComplex("fft.rfftn", x, s, dim, norm, inverse: false)
  }
  public static func irfftn(_ x: Tensor, s: [Int]? = nil, dim: [Int]? = nil, norm: Normalization = .backward) -> Tensor {
    toReal("fft.irfftn", x, s, dim, norm, inverse: true)
  }
  public static func hfftn(_ x: Tensor, s: [Int]? = nil, dim: [Int]? = nil, norm: Normalization = .backward) -> Tensor {
    toReal("fft.hfftn", x, s, dim, norm, inverse: false)
  }
  public static func ihfftn(_ x: Tensor, s: [Int]? = nil, dim: [Int]? = nil, norm: Normalization = .backward) -> Tensor {
    toComplex("fft.ihfftn", x, s, dim, norm, inverse: true)
  }

  // MARK: Frequencies and their order

  /// Moves frequency 0 to the middle of the given dimensions (nil: of all).
  public static func fftshift(_ x: Tensor, dim: [Int]? = nil) -> Tensor { shifted("fft.fftshift", x, dim) { $0 - $0 / 2 } }
  /// Undoes `fftshift`.
  public static func ifftshift(_ x: Tensor, dim: [Int]? = nil) -> Tensor { shifted("fft.ifftshift", x, dim) { $0 / 2 } }

  /// Brings the element at `start(extent)` to the front.
  private static func shifted(_ name: String, _ x: Tensor, _ dim: [Int]?, _ start: (Int) -> Int) -> Tensor {
    compose(name, [x]) { () throws(EmberError) in
      guard x.rank > 0 else { throw EmberError(.shape, in: name, "\(x.summary) has no dimension") }
      var y = x
      for dimension in dim ?? Array(0..<x.rank) {
        let i = try wrapDimension(dimension, x.rank, in: name)
        let extent = x.shape[i]
        let first = start(extent)
        if extent < 2 { continue }
        y = cat([y.narrow(i, start: first, length: extent - first), y.narrow(i, start: 0, length: first)], dim: i)
      }
      return y
    }
  }

  // MARK: What they share

  private static func complex(
    _ name: String, _ x: Tensor, _ s: [Int]?, _ dim: [Int]?, _ norm: Normalization, inverse: Bool
  ) -> Tensor {
    compose(name, [x]) { () throws(EmberError) in
      let input = try promoted(name, x, toComplex: true)
      let (dims, extents) = try checkedDimensions(name, x, s, dim)
      let y = resized(input, dims, extents)
      if dims.isEmpty { return y }
      return apply(ComplexTransform(dimensions: dims, inverse: inverse, scale: norm.scale(extents.reduce(1, *), inverse: inverse)), y)
    }
  }

  private static func toComplex(
    _ name: String, _ x: Tensor, _ s: [Int]?, _ dim: [Int]?, _ norm: Normalization, inverse: Bool
  ) -> Tensor {
    compose(name, [x]) { () throws(EmberError) in
      guard !x.dtype.isComplex else { throw EmberError(.dtype, in: name, "\(x.summary) is complex; the input must be real") }
      let input = try promoted(name, x, toComplex: false)
      let (dims, extents) = try checkedDimensions(name, x, s, dim)
      guard let last = dims.last else { throw EmberError(.value, in: name, "at least one dimension must be transformed") }
      let scale = norm.scale(extents.reduce(1, *), inverse: inverse)
      let y = apply(RealToComplexTransform(dimension: last, inverse: inverse, scale: scale), resized(input, dims, extents))
      if dims.count == 1 { return y }
      return apply(ComplexTransform(dimensions: Array(dims.dropLast()), inverse: inverse, scale: 1), y)
    }
  }

  private static func toReal(
    _ name: String, _ x: Tensor, _ s: [Int]?, _ dim: [Int]?, _ norm: Normalization, inverse: Bool
  ) -> Tensor {
    compose(name, [x]) { () throws(EmberError) in
      let input = try promoted(name, x, toComplex: true)
      // The last dimension holds half of a spectrum.
      let (dims, extents) = try checkedDimensions(name, x, s, dim, halvesLast: true)
      guard let last = dims.last, let n = extents.last else {
        throw EmberError(.value, in: name, "at least one dimension must be transformed")
      }
      let scale = norm.scale(extents.reduce(1, *), inverse: inverse)
      var y = resized(input, dims, extents.dropLast() + [n / 2 + 1])
      if dims.count > 1 { y = apply(ComplexTransform(dimensions: Array(dims.dropLast()), inverse: inverse, scale: 1), y) }
      return apply(ComplexToRealTransform(dimension: last, n: n, inverse: inverse, scale: scale), y)
    }
  }

  private static func promoted(_ name: String, _ x: Tensor, toComplex: Bool) throws(EmberError) -> Tensor {
    let target = x.dtype.category <= .integer ? .float32 : x.dtype
    guard [.float32, .float64, .complex64, .complex128].contains(target) else {
      throw EmberError(
        .dtype, in: name, "\(x.summary): transforms exist for float32, float64, complex64 and complex128; convert with .to(.float32)")
    }
    return x.to(toComplex ? target.complexType : target)
  }

  /// The dimensions to transform, from the front, and the lengths of the signals in them.
  private static func checkedDimensions(
    _ name: String, _ x: Tensor, _ s: [Int]?, _ dim: [Int]?, halvesLast: Bool = false
  ) throws(EmberError) -> ([Int], [Int]) {
    if let s, let dim, s.count != dim.count {
      throw EmberError(.value, in: name, "\(dim.count) dimensions, but \(s.count) lengths")
    }
    if let s, s.count > x.rank { throw EmberError(.value, in: name, "\(s.count) lengths for \(x.summary)") }
    var dims: [Int] = []
    for dimension in dim ?? Array((s.map { x.rank - $0.count } ?? 0)..<x.rank) {
      guard x.rank > 0 else { throw EmberError(.index, in: name, "dimension \(dimension) of \(x.summary), which has none") }
      let i = try wrapDimension(dimension, x.rank, in: name)
      if dims.contains(i) { throw EmberError(.value, in: name, "dimension \(dimension) is given twice in \(dim ?? [])") }
      dims.append(i)
    }
    var extents: [Int] = []
    for (k, i) in dims.enumerated() {
      let own = halvesLast && k == dims.count - 1 ? 2 * (x.shape[i] - 1) : x.shape[i]
      let extent = s.map { $0[k] == -1 ? own : $0[k] } ?? own
      guard extent > 0 else {
        throw EmberError(.value, in: name, "a signal of \(extent) elements in dimension \(i) of \(x.summary); it must have at least 1")
      }
      extents.append(extent)
    }
    return (dims, extents)
  }

  private static func resized(_ x: Tensor, _ dims: [Int], _ extents: [Int]) -> Tensor {
    var y = x
    for (i, extent) in zip(dims, extents) {
      if y.size(i) > extent { y = y.narrow(i, start: 0, length: extent) }
      if y.size(i) < extent {
        let missing = Tensor.zeros(Array(y.shape.replacing(i, with: extent - y.size(i))), dtype: y.dtype, on: y.device)
        y = cat([y, missing], dim: i)
      }
    }
    return y
  }
}

extension OperatorRegistry {
  mutating func addFourierTransforms() {
    typealias Single = @Sendable (Tensor, Int?, Int, FFT.Normalization) -> Tensor
    let single: KeyValuePairs<String, Single> = [
      "fft": { FFT.fft($0, n: $1, dim: $2, norm: $3) }, "ifft": { FFT.ifft($0, n: $1, dim: $2, norm: $3) },
      "rfft": { FFT.rfft($0, n: $1, dim: $2, norm: $3) }, "irfft": { FFT.irfft($0, n: $1, dim: $2, norm: $3) },
      "hfft": { FFT.hfft($0, n: $1, dim: $2, norm: $3) }, "ihfft": { FFT.ihfft($0, n: $1, dim: $2, norm: $3) },
    ]
    for (name, transform) in single {
      add("aten::fft_\(name)(Tensor self, int? n=None, int dim=-1, str? norm=None) -> Tensor") {
        (x: Tensor, n: Int?, dim: Int, norm: String?) throws in
        // Only the lists of several dimensions know -1, which leaves one as it is.
        if let n, n < 1 { throw EmberError(.value, in: "fft.\(name)", "a length of \(n); it must be positive") }
        return transform(x, n, dim, try normalization(norm))
      }
    }
    typealias Several = @Sendable (Tensor, [Int]?, [Int]?, FFT.Normalization) -> Tensor
    let several: KeyValuePairs<String, Several> = [
      "fft": { FFT.fftn($0, s: $1, dim: $2, norm: $3) }, "ifft": { FFT.ifftn($0, s: $1, dim: $2, norm: $3) },
      "rfft": { FFT.rfftn($0, s: $1, dim: $2, norm: $3) }, "irfft": { FFT.irfftn($0, s: $1, dim: $2, norm: $3) },
      "hfft": { FFT.hfftn($0, s: $1, dim: $2, norm: $3) }, "ihfft": { FFT.ihfftn($0, s: $1, dim: $2, norm: $3) },
    ]
    for (name, transform) in several {
      add("aten::fft_\(name)n(Tensor self, int[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor") {
        (x: Tensor, s: [Int]?, dim: [Int]?, norm: String?) throws in transform(x, s, dim, try normalization(norm))
      }
      add("aten::fft_\(name)2(Tensor self, int[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor") {
        (x: Tensor, s: [Int]?, dim: [Int], norm: String?) throws in transform(x, s, dim, try normalization(norm))
      }
    }
    add("aten::fft_fftshift(Tensor self, int[1]? dim=None) -> Tensor") { (x: Tensor, dim: [Int]?) in FFT.fftshift(x, dim: dim) }
    add("aten::fft_ifftshift(Tensor self, int[1]? dim=None) -> Tensor") { (x: Tensor, dim: [Int]?) in FFT.ifftshift(x, dim: dim) }
  }
}

private func normalization(_ name: String?) throws -> FFT.Normalization {
  guard let norm = FFT.Normalization(rawValue: name ?? "backward") else {
    throw EmberError(.value, in: "fft", "norm is \"\(name ?? "")\"; it must be forward, backward or ortho")
  }
  return norm
}
