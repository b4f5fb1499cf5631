import EmberRuntime

/// Fourier transforms; false if there is no memory for the passes.
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

  /// Complex to complex.
  package func fourier(_ t: FourierTransform) -> Bool {
    let count = t.outer * t.n * t.inner
    // The first pass reads the input, the last one writes the output; what is between goes back and forth.
    let factors = Self.factors(t.n)
    return withScratch(factors.count > 1 ? 2 * count * t.complexType.size : 0) { scratch in
      let buffers = [scratch, scratch + count * t.complexType.size]
      var (from, before) = (t.input, 1)
      for (i, radix) in factors.enumerated() {
        let isLast = i == factors.count - 1
        let to = isLast ? t.output : buffers[i % 2]
        launch(.fourier, "fourier_pass", [.type(t.complexType)], blocks: quotientRoundedUp(count, 256), threads: 256) {
          $0.add(from)
          $0.add(to)
          for number in [t.n, t.inner, count, before, radix] { $0.add(Int64(number)) }
          $0.add(t.inverse)
          $0.add(isLast ? t.scale : 1)
        }
        before *= radix
        from = to
      }
      return true
    } ?? false
  }

  /// Real [outer, n, inner] to the first n/2 + 1 complex values of every line.
  package func fourierOfReal(_ t: FourierTransform) -> Bool {
    let extent = t.n / 2 + 1
    return transformed(t) { signal, count in
      launch(.fourier, "fourier_from_real", [.type(t.complexType)], blocks: quotientRoundedUp(count, 256), threads: 256) {
        $0.add(t.input)
        $0.add(signal)
        $0.add(Int64(count))
      }
    } after: { spectrum, _ in
      let results = t.outer * extent * t.inner
      launch(.fourier, "fourier_first_half", [.type(t.complexType)], blocks: quotientRoundedUp(results, 256), threads: 256) {
        $0.add(spectrum)
        $0.add(t.output)
        for number in [t.n, extent, t.inner, results] { $0.add(Int64(number)) }
        $0.add(t.scale)
      }
    }
  }

  /// The first n/2 + 1 values of the spectrum of a real signal to the signal.
  package func fourierToReal(_ t: FourierTransform) -> Bool {
    transformed(t) { spectrum, count in
      launch(.fourier, "fourier_whole_spectrum", [.type(t.complexType)], blocks: quotientRoundedUp(count, 256), threads: 256) {
        $0.add(t.input)
        $0.add(spectrum)
        for number in [t.n, t.inner, count] { $0.add(Int64(number)) }
      }
    } after: { signal, count in
      launch(.fourier, "fourier_real_part", [.type(t.complexType)], blocks: quotientRoundedUp(count, 256), threads: 256) {
        $0.add(signal)
        $0.add(t.output)
        $0.add(Int64(count))
        $0.add(t.scale)
      }
    }
  }

  /// The complex transform of what `before` writes; `after` reads it.
  private func transformed(
    _ t: FourierTransform, before: (UnsafeMutableRawPointer, Int) -> Void, after: (UnsafeMutableRawPointer, Int) -> Void
  ) -> Bool {
    let count = t.outer * t.n * t.inner
    return withScratch(2 * count * t.complexType.size) { scratch in
      let whole = scratch + count * t.complexType.size
      before(scratch, count)
      let complex = FourierTransform(
        isDouble: t.isDouble, outer: t.outer, n: t.n, inner: t.inner, input: scratch, output: whole, inverse: t.inverse, scale: 1)
      guard fourier(complex) else { return false }
      after(whole, count)
      return true
    } ?? false
  }
}

extension FourierTransform {
  fileprivate var complexType: DType { isDouble ? .complex128 : .complex64 }
}
