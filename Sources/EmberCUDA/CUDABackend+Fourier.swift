import EmberRuntime

/// Fourier transforms of the middle one of three dense dimensions [outer, n, inner]; false if there is no memory for the passes.
extension CUDABackend {
  /// The factors of a length, large powers of two together.
  static func factors(_ n: Int) -> [Int] {
    var rest = n
    var factors: [Int] = []
    for radix in [8, 4, 2, 3, 5, 7] {
      while rest % radix == 0 {
        factors.append(radix)
        rest /= radix
      }
    }
    var prime = 11
    while prime * prime <= rest {
      while rest % prime == 0 {
        factors.append(prime)
        rest /= prime
      }
      prime += 2
    }
    if rest > 1 { factors.append(rest) }
    return factors.isEmpty ? [1] : factors
  }

  /// Complex to complex. The last pass writes `output`; `input` is only read.
  package func fourier(
    isDouble: Bool, outer: Int, n: Int, inner: Int, _ input: UnsafeMutableRawPointer?, _ output: UnsafeMutableRawPointer?, inverse: Bool,
    scale: Double
  ) -> Bool {
    let type: DType = isDouble ? .complex128 : .complex64
    let count = outer * n * inner
    let factors = Self.factors(n)
    func pass(_ from: UnsafeMutableRawPointer?, _ to: UnsafeMutableRawPointer?, _ before: Int, _ radix: Int, _ factor: Double) {
      launch(.fourier, "fourier_pass", [.type(type)], blocks: (count + 255) / 256, threads: 256) {
        $0.add(from)
        $0.add(to)
        for number in [n, inner, count, before, radix] { $0.add(Int64(number)) }
        $0.add(inverse)
        $0.add(factor)
      }
    }
    if factors.count == 1 {
      pass(input, output, 1, factors[0], scale)
      return true
    }
    return withScratch(2 * count * type.size) { scratch in
      let buffers = [scratch, scratch + count * type.size]
      var from = input
      var before = 1
      for (i, radix) in factors.enumerated() {
        let isLast = i == factors.count - 1
        let to = isLast ? output : buffers[i % 2]
        pass(from, to, before, radix, isLast ? scale : 1)
        before *= radix
        from = to
      }
      return true
    } ?? false
  }

  /// Real [outer, n, inner] to the first n/2 + 1 complex values of every line.
  package func fourierOfReal(
    isDouble: Bool, outer: Int, n: Int, inner: Int, _ input: UnsafeMutableRawPointer?, _ output: UnsafeMutableRawPointer?, inverse: Bool,
    scale: Double
  ) -> Bool {
    let type: DType = isDouble ? .complex128 : .complex64
    let count = outer * n * inner
    let extent = n / 2 + 1
    return withScratch(2 * count * type.size) { scratch in
      let whole = scratch + count * type.size
      launch(.fourier, "fourier_from_real", [.type(type)], blocks: (count + 255) / 256, threads: 256) {
        $0.add(input)
        $0.add(scratch)
        $0.add(Int64(count))
      }
      guard fourier(isDouble: isDouble, outer: outer, n: n, inner: inner, scratch, whole, inverse: inverse, scale: 1) else { return false }
      launch(.fourier, "fourier_first_half", [.type(type)], blocks: (outer * extent * inner + 255) / 256, threads: 256) {
        $0.add(whole)
        $0.add(output)
        for number in [n, extent, inner, outer * extent * inner] { $0.add(Int64(number)) }
        $0.add(scale)
      }
      return true
    } ?? false
  }

  /// The first n/2 + 1 values of the spectrum of a real signal to the signal.
  package func fourierToReal(
    isDouble: Bool, outer: Int, n: Int, inner: Int, _ input: UnsafeMutableRawPointer?, _ output: UnsafeMutableRawPointer?, inverse: Bool,
    scale: Double
  ) -> Bool {
    let type: DType = isDouble ? .complex128 : .complex64
    let count = outer * n * inner
    return withScratch(2 * count * type.size) { scratch in
      let signal = scratch + count * type.size
      launch(.fourier, "fourier_whole_spectrum", [.type(type)], blocks: (count + 255) / 256, threads: 256) {
        $0.add(input)
        $0.add(scratch)
        for number in [n, inner, count] { $0.add(Int64(number)) }
      }
      guard fourier(isDouble: isDouble, outer: outer, n: n, inner: inner, scratch, signal, inverse: inverse, scale: 1) else { return false }
      launch(.fourier, "fourier_real_part", [.type(type)], blocks: (count + 255) / 256, threads: 256) {
        $0.add(signal)
        $0.add(output)
        $0.add(Int64(count))
        $0.add(scale)
      }
      return true
    } ?? false
  }
}
