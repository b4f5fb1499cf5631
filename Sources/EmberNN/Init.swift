import EmberRuntime
import EmberTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Initial values. Formulas, order of draws and defaults are those of `torch.nn.init`, so that a seed gives PyTorch's numbers.
public enum Init {
  public enum FanMode: Sendable { case fanIn, fanOut }

  /// The function after a layer, for the factor that keeps variances: He et al., arXiv:1502.01852.
  public enum Nonlinearity: Sendable {
    case linear, sigmoid, tanh, relu, selu
    case leakyReLU(negativeSlope: Double)

    public var gain: Double {
      switch self {
      case .linear, .sigmoid: 1
      case .tanh: 5.0 / 3
      case .relu: 2.0.squareRoot()
      case .selu: 3.0 / 4
      case .leakyReLU(let slope): (2.0 / (1 + slope * slope)).squareRoot()
      }
    }
  }

  /// Numbers of inputs and outputs of a weight [out, in, kernel...]; nil below two dimensions.
  public static func fans(of shape: some Collection<Int>) -> (fanIn: Int, fanOut: Int)? {
    let extents = Array(shape)
    guard extents.count >= 2 else { return nil }
    let field = extents.dropFirst(2).reduce(1, *)
    return (extents[1] * field, extents[0] * field)
  }

  // MARK: Of cells: parameters in place

  public static func uniform(_ cell: StateCell, _ low: Double = 0, _ high: Double = 1, generator: Generator? = nil) {
    set(cell) { Tensor.uniform($0, low, high, dtype: $1, on: $2, generator: generator) }
  }

  public static func normal(_ cell: StateCell, mean: Double = 0, std: Double = 1, generator: Generator? = nil) {
    set(cell) { Tensor.normal($0, mean: mean, std: std, dtype: $1, on: $2, generator: generator) }
  }

  public static func constant(_ cell: StateCell, _ value: Double) {
    set(cell) { Tensor.full($0, .real(value), dtype: $1, on: $2) }
  }

  public static func zeros(_ cell: StateCell) { constant(cell, 0) }
  public static func ones(_ cell: StateCell) { constant(cell, 1) }

  /// Ones on the diagonal of a matrix, zeros elsewhere: a linear layer that keeps its input.
  public static func eye(_ cell: StateCell) {
    let shape = cell.value.shape
    guard shape.rank == 2 else {
      raise(EmberError(.shape, in: "eye", "a tensor of shape \(shape); it must have two dimensions"))
      return
    }
    set(cell) { Tensor.eye($0[0], $0[1], dtype: $1, on: $2) }
  }

  /// A kernel [out, in, ...] with which a convolution keeps its channels, as many as there are of both: 1 in the middle of kernel i, i of
  /// each group.
  public static func dirac(_ cell: StateCell, groups: Int = 1) {
    let shape = cell.value.shape
    guard (3...5).contains(shape.rank) else {
      raise(EmberError(.shape, in: "dirac", "a tensor of shape \(shape); it must have 3 to 5 dimensions, [out, in, kernel...]"))
      return
    }
    guard groups >= 1, shape[0] % groups == 0 else {
      raise(EmberError(.value, in: "dirac", "\(shape[0]) outputs do not divide into \(groups) groups"))
      return
    }
    if shape.elementCount == 0 { return }
    set(cell) { shape, dtype, device in
      let field = shape[2...].reduce(1, *)
      var middle = 0
      for extent in shape[2...] { middle = middle * extent + extent / 2 }
      var values = [Double](repeating: 0, count: shape.reduce(1, *))
      let outputs = shape[0] / groups
      for group in 0..<groups {
        for i in 0..<min(outputs, shape[1]) { values[((group * outputs + i) * shape[1] + i) * field + middle] = 1 }
      }
      return Tensor(values, shape: shape, dtype: .float64, on: device).to(dtype)
    }
  }

  /// Normal with deviation `std`, and a share of `sparsity` of each column set to 0; Martens, ICML 2010.
  public static func sparse(_ cell: StateCell, sparsity: Double, std: Double = 0.01, generator: Generator? = nil) {
    let shape = cell.value.shape
    guard shape.rank == 2, (0...1).contains(sparsity) else {
      raise(
        EmberError(.value, in: "sparse", "a tensor of shape \(shape), sparsity \(sparsity); it must be a matrix, the sparsity from 0 to 1"))
      return
    }
    let zeros = Int((sparsity * Double(shape[0])).rounded(.up))
    set(cell) { shape, dtype, device in
      let drawn = Tensor.normal(shape, std: std, dtype: dtype, on: device, generator: generator)
      if device == .meta { return drawn }
      let columns = (0..<shape[1]).map { column in
        let rows = Tensor.randperm(shape[0], on: device, generator: generator).narrow(0, start: 0, length: zeros)
        return drawn.select(1, column).indexFill(dim: 0, index: rows, value: 0)
      }
      return columns.isEmpty ? drawn : stack(columns, dim: 1)
    }
  }

  /// Uniform in ±gain·√(3 / fan); He et al., 2015.
  public static func kaimingUniform(
    _ cell: StateCell, a: Double = 0, mode: FanMode = .fanIn, nonlinearity: Nonlinearity? = nil, generator: Generator? = nil
  ) {
    guard let std = kaimingDeviation(cell, a, mode, nonlinearity, "kaimingUniform") else { return }
    let bound = 3.0.squareRoot() * std
    uniform(cell, -bound, bound, generator: generator)
  }

  /// Normal with deviation gain / √fan.
  public static func kaimingNormal(
    _ cell: StateCell, a: Double = 0, mode: FanMode = .fanIn, nonlinearity: Nonlinearity? = nil, generator: Generator? = nil
  ) {
    guard let std = kaimingDeviation(cell, a, mode, nonlinearity, "kaimingNormal") else { return }
    normal(cell, mean: 0, std: std, generator: generator)
  }

  /// Uniform in ±gain·√(6 / (fan in + fan out)); Glorot and Bengio, 2010.
  public static func xavierUniform(_ cell: StateCell, gain: Double = 1, generator: Generator? = nil) {
    guard let std = xavierDeviation(cell, gain, "xavierUniform") else { return }
    let bound = 3.0.squareRoot() * std
    uniform(cell, -bound, bound, generator: generator)
  }

  /// Normal with deviation gain·√(2 / (fan in + fan out)).
  public static func xavierNormal(_ cell: StateCell, gain: Double = 1, generator: Generator? = nil) {
    guard let std = xavierDeviation(cell, gain, "xavierNormal") else { return }
    normal(cell, mean: 0, std: std, generator: generator)
  }

  /// Normal with everything outside of `low` ... `high` drawn anew, as many numbers at a time and in the same way as PyTorch does.
  public static func truncatedNormal(
    _ cell: StateCell, mean: Double = 0, std: Double = 1, low: Double = -2, high: Double = 2, generator: Generator? = nil
  ) {
    guard std > 0, low < high else {
      raise(EmberError(.value, in: "truncatedNormal", "std \(std) between \(low) and \(high); std must be positive and low < high"))
      return
    }
    func share(_ x: Double) -> Double { (1 + erf((x - mean) / std / 2.0.squareRoot())) / 2 }
    let mode = max(low, min(mean, high))
    let peak = -0.5 * ((mode - mean) / std) * ((mode - mean) / std)
    set(cell) { shape, dtype, device in
      noGrad {
        func normal() -> Tensor { Tensor.normal(shape, mean: mean, std: std, dtype: dtype, on: device, generator: generator) }
        func uniform() -> Tensor { Tensor.uniform(shape, low, high, dtype: dtype, on: device, generator: generator) }
        if shape.reduce(1, *) == 0 || device == .meta { return normal() }
        if share(high) - share(low) > 0.3 {
          var result = normal()
          while !ErrorScopes.hasFailed {
            let outside = (result .< .real(low)) | (result .> .real(high))
            if !outside.any().item(as: Bool.self) { break }
            result = `where`(outside, normal(), result)
          }
          return result
        }
        // Far from the mean nearly nothing would be kept: von Neumann's rejection from uniform numbers instead.
        var result = uniform()
        var candidates = result
        var pending = Tensor.ones(shape, dtype: .bool, on: device)
        while !ErrorScopes.hasFailed {
          let density = ((candidates - .real(mean)) / .real(std)).square() * -0.5 - .real(peak)
          let accepted = Tensor.rand(shape, dtype: dtype, on: device, generator: generator).log() .<= density
          pending = pending & !accepted
          if !pending.any().item(as: Bool.self) { break }
          candidates = uniform()
          result = `where`(pending, candidates, result)
        }
        return result
      }
    }
  }

  /// Rows (or, if there are more rows than columns, columns) of length `gain` at right angles to each other; Saxe et al., arXiv:1312.6120.
  /// Dimensions after the first count as one.
  ///
  /// They are the Q of the decomposition of normal numbers whose R has a positive diagonal, which is unique: PyTorch's up to rounding. Computed on the
  /// CPU in double precision.
  public static func orthogonal(_ cell: StateCell, gain: Double = 1, generator: Generator? = nil) {
    let shape = cell.value.shape
    guard shape.rank >= 2 else {
      raise(EmberError(.shape, in: "orthogonal", "a tensor of shape \(shape); it must have at least two dimensions"))
      return
    }
    if shape.elementCount == 0 || cell.value.device == .meta { return }
    let rows = shape[0], columns = shape.elementCount / rows
    set(cell) { shape, dtype, device in
      noGrad {
        let drawn = Tensor.normal([rows, columns], dtype: dtype, on: device, generator: generator).to(.cpu).to(dtype.isComplex ? .complex128 : .float64)
        let basis = orthonormalRows(rows < columns ? drawn : drawn.mT.contiguous()) * gain
        return (rows < columns ? basis : basis.mT).reshape(shape).to(dtype).to(device)
      }
    }
  }

  /// Gram and Schmidt's process, which needs no library: the rows, at most as many as columns, one after the other at right angles to those before.
  private static func orthonormalRows(_ vectors: Tensor) -> Tensor {
    var basis = Tensor.zeros(like: vectors)
    for i in 0..<vectors.shape[0] {
      var vector = vectors[i]
      if i > 0 {
        let known = basis[0..<i], conjugate = known.conj()
        // Twice, which is enough for full accuracy.
        for _ in 0..<2 { vector = vector - conjugate.matmul(vector).matmul(known) }
      }
      let norm: Double = vector.norm().item()
      if norm > 0 { basis[i] = vector / norm }
    }
    return basis
  }

  // MARK: What layers start with

  /// The weight of linear and convolutional layers: `kaimingUniform` with a = √5, which is uniform in ±1 / √fan in.
  static func layerWeight(_ shape: [Int], dtype: DType, on device: Device) -> Tensor {
    guard let fan = fans(of: shape)?.fanIn, fan > 0 else { return Tensor.zeros(shape, dtype: dtype, on: device) }
    let slope = 5.0.squareRoot()
    let bound = 3.0.squareRoot() * (Nonlinearity.leakyReLU(negativeSlope: slope).gain / Double(fan).squareRoot())
    return Tensor.uniform(shape, -bound, bound, dtype: dtype, on: device)
  }

  /// Their bias: uniform in ±1 / √fan in of the weight.
  static func layerBias(_ count: Int, weight: [Int], dtype: DType, on device: Device) -> Tensor {
    guard let fan = fans(of: weight)?.fanIn, fan > 0 else { return Tensor.zeros([count], dtype: dtype, on: device) }
    let bound = 1 / Double(fan).squareRoot()
    return Tensor.uniform([count], -bound, bound, dtype: dtype, on: device)
  }

  private static func set(_ cell: StateCell, _ make: ([Int], DType, Device) -> Tensor) {
    let old = cell.value
    cell.value = make(Array(old.shape), old.dtype, old.device)
  }

  private static func kaimingDeviation(
    _ cell: StateCell, _ a: Double, _ mode: FanMode, _ nonlinearity: Nonlinearity?, _ name: String
  ) -> Double? {
    guard let fans = checkedFans(cell, name) else { return nil }
    let gain = (nonlinearity ?? .leakyReLU(negativeSlope: a)).gain
    return gain / Double(mode == .fanIn ? fans.fanIn : fans.fanOut).squareRoot()
  }

  private static func xavierDeviation(_ cell: StateCell, _ gain: Double, _ name: String) -> Double? {
    guard let fans = checkedFans(cell, name) else { return nil }
    return gain * (2.0 / Double(fans.fanIn + fans.fanOut)).squareRoot()
  }

  private static func checkedFans(_ cell: StateCell, _ name: String) -> (fanIn: Int, fanOut: Int)? {
    let shape = cell.value.shape
    if let fans = fans(of: shape) { return shape.elementCount == 0 ? nil : fans }
    raise(EmberError(.shape, in: name, "a tensor of shape \(shape) has no fans; it must have at least two dimensions [out, in, ...]"))
    return nil
  }
}
