import EmberRuntime
import EmberSpectral
import EmberTensor
import Glibc

/// Fourier transforms and windows. Complex numbers are pairs in the last dimension.
extension OperatorTable {
  mutating func addSignals() {
    add("DFT", since: 17, numbers: [1]) { call in try transform(call, axis: try call.int("axis", 1)) }
    add("DFT", since: 20, numbers: [1, 2]) { call in try transform(call, axis: try call.optionalInts(2)?.first ?? -2) }
    add("STFT", since: 17, numbers: [1, 3]) { call in try shortTimeTransform(call) }
    addWindow("HannWindow") { Windows.hann($0, isSymmetric: $1, dtype: $2) }
    addWindow("HammingWindow") { count, isSymmetric, dtype in
      // The operator's coefficients are 25/46 and 21/46.
      Windows.generalHamming(count, alpha: 25.0 / 46, isSymmetric: isSymmetric, dtype: dtype)
    }
    addWindow("BlackmanWindow") { Windows.blackman($0, isSymmetric: $1, dtype: $2) }
    add("MelWeightMatrix", since: 17, numbers: [0, 1, 2, 3, 4]) { call in try melWeights(call) }
  }

  private mutating func addWindow(_ name: String, _ body: @escaping @Sendable (Int, Bool, DType) -> Tensor) {
    add(name, since: 17, numbers: [0]) { call in
      let count = try call.int(0), dtype = try call.elementType("output_datatype")?.dtype ?? .float32
      guard count >= 0, count < 1 << 40 else { throw call.failure("a window of \(count)") }
      return body(count, try !call.flag("periodic", true), .float64).to(dtype)
    }
  }
}

/// Pairs as complex numbers; a last dimension of 1 has real ones. In double precision, as zeros of a spectrum should be.
private func complexNumbers(_ x: Tensor, _ call: OperatorCall) throws -> Tensor {
  let wide = x.to(.float64)
  switch x.shape.last {
  case 1: return wide.squeeze([x.rank - 1])
  case 2: return wide.contiguous().viewAsComplex()
  default: throw call.failure("\(describe(x)); its last dimension holds one number or a pair", .shape)
  }
}

private func transform(_ call: OperatorCall, axis: Int) throws -> Tensor {
  let x = try call.tensor(0, minimumRank: 2)
  let axis = try call.wrapped(axis, x.rank)
  guard axis < x.rank - 1 else { throw call.failure("axis \(axis) of \(describe(x)), which holds the parts of numbers", .index) }
  let isInverse = try call.flag("inverse"), isOneSided = try call.flag("onesided")
  let signal = try complexNumbers(x, call)
  let length = try call.optionalInts(1)?.first
  if let length, length < 1 || length > 1 << 26 { throw call.failure("a length of \(length)") }
  if isInverse, isOneSided { return FFT.irfft(signal, n: length, dim: axis).unsqueeze(-1).to(x.dtype) }
  let complex = signal.dtype.isComplex ? signal : signal.to(signal.dtype.complexType)
  let result = isInverse ? FFT.ifft(complex, n: length, dim: axis) : FFT.fft(complex, n: length, dim: axis)
  let kept = isOneSided ? result.narrow(axis, start: 0, length: result.shape[axis] / 2 + 1) : result
  return kept.viewAsReal().to(x.dtype)
}

private func shortTimeTransform(_ call: OperatorCall) throws -> Tensor {
  let x = try call.tensor(0), step = try call.int(1), window = try call.optionalTensor(2)
  guard x.rank == 3 else { throw call.failure("\(describe(x)); it must be [batch, length, 1 or 2]", .shape) }
  let length = try call.optionalInts(3)?.first ?? window?.elementCount ?? x.shape[1]
  guard step > 0, length > 0, length <= x.shape[1], window.map({ $0.elementCount == length }) ?? true else {
    throw call.failure("frames of \(length) every \(step) of \(describe(x))", .shape)
  }
  // [batch, frames, length]
  var frames = try complexNumbers(x, call).unfold(1, size: length, step: step)
  if let window { frames = frames * window.to(.float64) }
  let complex = frames.dtype.isComplex ? frames : frames.to(frames.dtype.complexType)
  let result = FFT.fft(complex, dim: -1)
  let kept = try call.flag("onesided", true) ? result.narrow(2, start: 0, length: length / 2 + 1) : result
  return kept.viewAsReal().to(x.dtype)
}

/// Triangles over the frequencies of a spectrum, evenly spaced on the mel scale.
private func melWeights(_ call: OperatorCall) throws -> Tensor {
  let bands = try call.int(0), length = try call.int(1), rate = try call.int(2)
  let low = try call.doubles(3).first ?? 0, high = try call.doubles(4).first ?? 0
  guard bands > 0, bands < 1 << 20, length > 0, length < 1 << 30, rate > 0, low >= 0, high >= low, high < 0x1p40,
    bands * (length / 2 + 1) < 1 << 26
  else { throw call.failure("\(bands) bands of a spectrum of \(length) at \(rate) Hz, from \(low) to \(high) Hz") }
  func mel(_ hertz: Double) -> Double { 2595 * log10(1 + hertz / 700) }
  func hertz(_ mel: Double) -> Double { 700 * (pow(10, mel / 2595) - 1) }
  let bins = length / 2 + 1, step = (mel(high) - mel(low)) / Double(bands + 2)
  let edges = (0..<bands + 2).map { Int((Double(length + 1) * hertz(Double($0) * step + mel(low)) / Double(rate)).rounded(.down)) }
  guard edges.allSatisfy({ $0 >= 0 && $0 < bins }) else { throw call.failure("a band above half the rate of \(rate) Hz") }
  var weights = Array(repeating: 0.0, count: bins * bands)
  for band in 0..<bands {
    let (left, centre, right) = (edges[band], edges[band + 1], edges[band + 2])
    if left == centre { weights[centre * bands + band] = 1 } else {
      for bin in left...centre { weights[bin * bands + band] = Double(bin - left) / Double(centre - left) }
    }
    if right > centre { for bin in centre..<right { weights[bin * bands + band] = Double(right - bin) / Double(right - centre) } }
  }
  return Tensor(weights, shape: [bins, bands], dtype: try call.elementType("output_datatype")?.dtype ?? .float32)
}
