import CEmberSpectral
import EmberCUDA
import EmberRuntime
import EmberTensor

/// Overlapping frames of the signals in the last dimension, [.., frames, length], a view.
private struct Frames: UnaryOperation {
  static let name = "frames"
  let length: Int
  let hop: Int

  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    let step = x.strides[x.rank - 1]
    var shape = Shape(x.shape.dropLast())
    var strides = Strides((0..<(x.rank - 1)).map { x.strides[$0] })
    shape.append((x.shape[-1] - length) / hop + 1)
    shape.append(length)
    strides.append(hop * step)
    strides.append(step)
    return x.view(shape, strides, offset: x.storageOffset)
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    apply(OverlapAdd(hop: hop, length: context.inputShape(0)[-1]), gradient)
  }
}

/// Frames [.., frames, n] added up at distances of `hop`, to signals of `length`: the adjoint of `Frames`.
private struct OverlapAdd: UnaryOperation {
  static let name = "overlap_add"
  let hop: Int
  let length: Int

  private static let kernels = KernelTable<
    @Sendable (any Backend, Bool, Int64, Int64, Int64, Int64, Int64, UnsafeRawPointer?, UnsafeMutableRawPointer?, Int64) -> Void
  >(
    "overlap_add", cpu: { ember_overlap_add($1, $2, $3, $4, $5, $6, $7, $8, $9) },
    cuda: {
      ($0 as! CUDABackend).overlapAdd(
        isDouble: $1, batch: Int($2), frames: Int($3), frameLength: Int($4), hop: Int($5), parts: Int($6), $7, into: $8, length: Int($9))
    })

  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    let shape = Shape(x.shape.dropLast(2)).appending(length)
    let y = try Tensor.empty(shape: shape, dtype: x.dtype, like: x)
    guard let kernel = try Self.kernels.kernel(on: x.device), y.elementCount > 0 else { return y }
    let source = try x.dense()
    withExtendedLifetime(source) {
      kernel(
        x.backend, x.dtype.realType == .float64, Int64(y.elementCount / length), Int64(x.shape[-2]), Int64(x.shape[-1]), Int64(hop),
        x.dtype.isComplex ? 2 : 1, source.operand.pointer, y.operand.pointer, Int64(length))
    }
    return y
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    let frames = context.inputShape(0)[-2]
    let length = context.inputShape(0)[-1]
    let covered = (frames - 1) * hop + length
    var signal = gradient
    if covered < self.length { signal = signal.narrow(-1, start: 0, length: covered) }
    if covered > self.length { signal = padded(signal, 0, covered - self.length) }
    return apply(Frames(length: length, hop: hop), signal)
  }
}

/// Zeros before and after, in the last dimension.
private func padded(_ x: Tensor, _ before: Int, _ after: Int) -> Tensor {
  func zeros(_ count: Int) -> Tensor { Tensor.zeros(Array(x.shape.dropLast()) + [count], dtype: x.dtype, on: x.device) }
  return cat((before > 0 ? [zeros(before)] : []) + [x] + (after > 0 ? [zeros(after)] : []), dim: -1)
}

/// How a signal continues beyond its ends.
public enum SignalPadding: String, Sendable {
  /// Mirrored at the end elements, which are not repeated.
  case reflect
  case constant, replicate, circular
}

extension SignalPadding {
  fileprivate func applied(to x: Tensor, _ count: Int) throws(EmberError) -> Tensor {
    if count == 0 { return x }
    let n = x.shape[-1]
    guard self == .constant || n > 0, self != .reflect || count < n, self != .circular || count <= n else {
      throw EmberError(.shape, in: "stft", "\(x.summary) cannot be continued by \(count) elements in mode \(rawValue)")
    }
    if self == .constant { return padded(x, count, count) }
    let position = Tensor.arange(.integer(Int64(-count)), .integer(Int64(n + count)), on: x.device)
    switch self {
    case .reflect:
      let last = Scalar.integer(Int64(n - 1))
      return x.indexSelect(-1, last - (last - position.abs()).abs())
    case .replicate: return x.indexSelect(-1, position.clamp(min: 0, max: .integer(Int64(n - 1))))
    default: return x.indexSelect(-1, Pointwise.remainder(position, Tensor(.integer(Int64(n)), on: x.device)))
    }
  }
}

/// A window of `length` elements (ones if nil) in the middle of `size`.
private func centred(
  _ window: Tensor?, _ length: Int, _ size: Int, like x: Tensor, in operation: String
) throws(EmberError) -> Tensor {
  if let window {
    guard window.rank == 1, window.shape[0] == length else {
      throw EmberError(.shape, in: operation, "the window is \(window.summary); it must have \(length) elements")
    }
  }
  let values = window ?? Tensor.ones([length], dtype: x.dtype.realType, on: x.device)
  if length == size { return values }
  let left = (size - length) / 2
  return padded(values, left, size - length - left)
}

extension Tensor {
  /// The short-time Fourier transform of signals [.., length]: [.., frequencies, frames], complex.
  ///
  /// - Parameters:
  ///   - size: length of a frame. Shorter windows lie in its middle.
  ///   - hop: distance of frames, by default a quarter of `size`.
  ///   - window: by default ones of `windowLength`, by default `size`.
  ///   - center: continues the signal by half a frame on both sides, in the manner of `padding`.
  ///   - isNormalized: divides by √size.
  ///   - isOneSided: only the first size/2 + 1 frequencies; by default for real signals.
  ///   - alignsToWindow: without `center`, frames begin where the window, not the frame, fits.
  public func stft(
    _ size: Int, hop: Int? = nil, windowLength: Int? = nil, window: Tensor? = nil, center: Bool = true, padding: SignalPadding = .reflect,
    isNormalized: Bool = false, isOneSided: Bool? = nil, alignsToWindow: Bool = false
  ) -> Tensor {
    compose("stft", [self, window]) { () throws(EmberError) in
      let hop = hop ?? size / 4
      let windowLength = windowLength ?? size
      guard dtype == .float32 || dtype == .float64 || dtype == .complex64 || dtype == .complex128 else {
        throw EmberError(.dtype, in: "stft", "\(summary): signals must be float32, float64, complex64 or complex128")
      }
      guard rank == 1 || rank == 2 else { throw EmberError(.shape, in: "stft", "\(summary) must have one or two dimensions") }
      guard size > 0, hop > 0, windowLength > 0, windowLength <= size else {
        throw EmberError(
          .value, in: "stft", "size \(size), hop \(hop) and window length \(windowLength) must be positive, the last at most size")
      }
      if center, alignsToWindow { throw EmberError(.value, in: "stft", "alignsToWindow goes without center") }
      let shaped = try centred(window, windowLength, size, like: self, in: "stft")
      let isComplex = dtype.isComplex || shaped.dtype.isComplex
      let oneSided = isOneSided ?? !isComplex
      if oneSided, isComplex { throw EmberError(.value, in: "stft", "of a complex signal or window all frequencies are needed") }
      var signal = self
      if center { signal = try padding.applied(to: signal, size / 2) }
      if alignsToWindow {
        let left = (size - windowLength) / 2
        signal = padded(signal, left, size - windowLength - left)
      }
      guard signal.shape[-1] >= size else {
        throw EmberError(.shape, in: "stft", "\(summary) has fewer elements than a frame of \(size)")
      }
      let frames = apply(Frames(length: size, hop: hop), signal) * shaped
      let norm: FFT.Normalization = isNormalized ? .ortho : .backward
      let spectra = oneSided ? FFT.rfft(frames, norm: norm) : FFT.fft(frames, norm: norm)
      return spectra.mT
    }
  }

  /// Signals from their short-time Fourier transform [.., frequencies, frames]: least squares over the overlapping frames
  /// (Griffin and Lim, 1984). Parameters as for `stft`; `length` cuts the result or pads it with zeros.
  public func istft(
    _ size: Int, hop: Int? = nil, windowLength: Int? = nil, window: Tensor? = nil, center: Bool = true, isNormalized: Bool = false,
    isOneSided: Bool? = nil, length: Int? = nil, returnsComplex: Bool = false
  ) -> Tensor {
    compose("istft", [self, window]) { () throws(EmberError) in
      let hop = hop ?? size / 4
      let windowLength = windowLength ?? size
      guard dtype == .complex64 || dtype == .complex128 else {
        throw EmberError(.dtype, in: "istft", "\(summary) must be complex64 or complex128")
      }
      guard rank == 2 || rank == 3, elementCount > 0 else {
        throw EmberError(.shape, in: "istft", "\(summary) must have two or three dimensions, none empty")
      }
      guard size > 0, hop > 0, windowLength > 0, windowLength <= size else {
        throw EmberError(
          .value, in: "istft", "size \(size), hop \(hop) and window length \(windowLength) must be positive, the last at most size")
      }
      let frequencies = shape[-2]
      let frames = shape[-1]
      let oneSided = isOneSided ?? (frequencies != size)
      guard frequencies == (oneSided ? size / 2 + 1 : size) else {
        throw EmberError(
          .shape, in: "istft", "\(summary) has \(frequencies) frequencies; frames of \(size) have \(oneSided ? size / 2 + 1 : size)")
      }
      if oneSided, returnsComplex { throw EmberError(.value, in: "istft", "a complex signal needs all frequencies") }
      let shaped = try centred(window, windowLength, size, like: self, in: "istft")
      if shaped.dtype.isComplex, !returnsComplex { throw EmberError(.dtype, in: "istft", "a complex window makes a complex signal") }
      let norm: FFT.Normalization = isNormalized ? .ortho : .backward
      // Of a real signal half of the frequencies says everything.
      let spectra = oneSided || returnsComplex ? mT : mT.narrow(-1, start: 0, length: size / 2 + 1)
      let pieces = returnsComplex ? FFT.ifft(spectra, norm: norm) : FFT.irfft(spectra, n: size, norm: norm)
      let total = size + hop * (frames - 1)
      let sum = apply(OverlapAdd(hop: hop, length: total), pieces * shaped)
      let weight = apply(OverlapAdd(hop: hop, length: total), shaped.square().expand([frames, size]))
      let start = center ? size / 2 : 0
      let end = length.map { start + $0 } ?? (center ? total - size / 2 : total)
      guard end > start, start < total else {
        throw EmberError(.value, in: "istft", "nothing is left of \(total) elements from \(start) to \(end)")
      }
      let kept = min(end, total) - start
      let envelope = weight.narrow(0, start: start, length: kept)
      if backend.holdsData, noGrad({ envelope.detach().abs() .<= 1e-11 }).holdsSomewhere() {
        throw EmberError(.value, in: "istft", "the overlapping windows do not cover every element; choose a smaller hop or another window")
      }
      let signal = sum.narrow(-1, start: start, length: kept) / envelope
      return end > total ? padded(signal, 0, end - total) : signal
    }
  }

  private func min(_ a: Int, _ b: Int) -> Int { a < b ? a : b }
}

extension OperatorRegistry {
  mutating func addShortTimeTransforms() {
    /// Real and imaginary parts in a last dimension, unless complex results are asked for.
    @Sendable func finished(_ y: Tensor, _ x: Tensor, _ window: Tensor?, _ complex: Bool?) throws -> Tensor {
      guard let complex = complex ?? (x.dtype.isComplex || window?.dtype.isComplex == true ? true : nil) else {
        throw EmberError(.value, in: "stft", "for real signals return_complex must be given")
      }
      return complex ? y : stack([y.real, y.imag], dim: -1)
    }
    @Sendable func padding(_ name: String) throws -> SignalPadding {
      guard let mode = SignalPadding(rawValue: name) else { throw EmberError(.value, in: "stft", "there is no padding mode \(name)") }
      return mode
    }
    let centredTail =
      "int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode=\"reflect\", "
      + "bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor"
    for head in ["torch.stft(Tensor input", "aten::stft.center(Tensor self"] {
      add("\(head), int n_fft, \(centredTail)") {
        (
          x: Tensor, size: Int, hop: Int?, length: Int?, window: Tensor?, center: Bool, mode: String, normalized: Bool, onesided: Bool?,
          complex: Bool?, align: Bool?
        ) throws in
        if center, align != nil { throw EmberError(.value, in: "stft", "align_to_window goes without center") }
        let y = x.stft(
          size, hop: hop, windowLength: length, window: window, center: center, padding: try padding(mode), isNormalized: normalized,
          isOneSided: onesided, alignsToWindow: align ?? false)
        return try finished(y, x, window, complex)
      }
    }
    add(
      "aten::stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool normalized=False, "
        + "bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor"
    ) {
      (
        x: Tensor, size: Int, hop: Int?, length: Int?, window: Tensor?, normalized: Bool, onesided: Bool?, complex: Bool?, align: Bool?
      ) throws in
      let y = x.stft(
        size, hop: hop, windowLength: length, window: window, center: false, isNormalized: normalized, isOneSided: onesided,
        alignsToWindow: align ?? false)
      return try finished(y, x, window, complex)
    }
    add(
      "aten::istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, "
        + "bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor"
    ) {
      (
        x: Tensor, size: Int, hop: Int?, windowLength: Int?, window: Tensor?, center: Bool, normalized: Bool, onesided: Bool?, length: Int?,
        complex: Bool
      ) in
      x.istft(
        size, hop: hop, windowLength: windowLength, window: window, center: center, isNormalized: normalized, isOneSided: onesided,
        length: length, returnsComplex: complex)
    }
  }
}
