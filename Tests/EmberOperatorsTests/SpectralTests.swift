import EmberCPU
import EmberRuntime
import EmberSpectral
import EmberTensor
import Testing

private func signal(_ shape: [Int], seed: Int = 1) -> Tensor {
  let count = shape.reduce(1, *)
  return Tensor((0..<count).map { Double(($0 * 7919 + seed * 104_729) % 1009) / 1009 - 0.5 }, shape: shape, dtype: .float64)
}

private func complexSignal(_ x: [Tensor]) -> Tensor { Pointwise.makeComplex(x[0], x[1]) }
private func parts(_ x: Tensor) -> Tensor { cat([x.real.flatten(), x.imag.flatten()]) }
private func distance(_ a: Tensor, _ b: Tensor) -> Double { (a - b).abs().amax().item() }

/// The transform by its definition.
private func direct(_ x: Tensor) -> Tensor {
  let n = x.size(-1)
  let position = Tensor.arange(n).to(.float64)
  // k·j modulo n, exactly.
  let turns = Pointwise.remainder(position.unsqueeze(1) * position.unsqueeze(0), Tensor(.real(Double(n)), dtype: .float64))
  let angle = turns * (-2 * Double.pi / Double(n))
  return x.matmul(Pointwise.makeComplex(angle.cos(), angle.sin()))
}

@Suite struct SpectralTests {
  /// Small primes, their powers, a large prime (Bluestein), and batches that fill lanes partly, wholly and not at all.
  @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13, 30, 49, 64, 97, 101, 127, 131, 360, 521, 1021])
  func transformsOfAnyLength(n: Int) {
    for batch in [1, 3, 9] {
      let z = complexSignal([signal([batch, n]), signal([batch, n], seed: 2)])
      let tolerance = 1e-14 * Double(n).squareRoot() * 8
      for set in CPU.InstructionSet.allCases {
        _ = CPU.with(set) {
          #expect(distance(FFT.fft(z), direct(z)) < tolerance * Double(n).squareRoot())
          #expect(distance(FFT.ifft(FFT.fft(z)), z) < tolerance)
          let half = FFT.rfft(z.real)
          #expect(
            distance(half, direct(Pointwise.makeComplex(z.real, z.real * 0)).narrow(-1, start: 0, length: n / 2 + 1)) < tolerance
              * Double(n).squareRoot())
          #expect(distance(FFT.irfft(half, n: n), z.real) < tolerance)
          #expect(distance(FFT.hfft(FFT.ihfft(z.real), n: n), z.real) < tolerance)
          // Another dimension than the last.
          #expect(distance(FFT.fft(z.mT.contiguous(), dim: 0).mT, FFT.fft(z)) < tolerance)
          #expect(distance(FFT.fft(z.to(.complex64)).to(.complex128), FFT.fft(z)) < 1e-5 * Double(n).squareRoot())
        }
      }
    }
  }

  @Test func resultsDoNotDependOnThreads() {
    let x = Tensor.randn([37, 1000])
    let before = CPU.threadCount
    defer { CPU.threadCount = before }
    CPU.threadCount = 1
    let one = FFT.rfft(x)
    CPU.threadCount = 3
    #expect(FFT.rfft(x).real.elements(as: Float.self) == one.real.elements(as: Float.self))
  }

  @Test func transformsHaveDerivatives() {
    let a = signal([3, 5])
    let b = signal([3, 5], seed: 3)
    #expect(checkGradients({ parts(FFT.fft(complexSignal($0), n: 7)) }, at: [a, b]) == nil)
    #expect(checkGradients({ parts(FFT.ifftn(complexSignal($0), norm: .ortho)) }, at: [a, b]) == nil)
    for n in [4, 5, 6] {
      #expect(checkGradients({ parts(FFT.rfft($0[0], n: n)) }, at: [a]) == nil)
      #expect(checkGradients({ FFT.irfft(complexSignal($0), n: n) }, at: [a, b]) == nil)
      #expect(checkGradients({ FFT.hfftn(complexSignal($0), s: [3, n], dim: [0, 1]) }, at: [a, b]) == nil)
      #expect(checkGradients({ parts(FFT.ihfftn($0[0], s: [2, n], dim: [0, 1])) }, at: [a]) == nil)
    }
    let x = signal([2, 20])
    #expect(checkGradients({ parts($0[0].stft(8, hop: 3, window: $0[1])) }, at: [x, signal([8], seed: 4)]) == nil)
    #expect(checkGradients({ x in x[0].stft(8).istft(8) }, at: [x]) == nil)
  }

  @Test func shortTimeTransformsInvert() {
    let x = signal([2, 50])
    for normalized in [false, true] {
      let y = x.stft(16, hop: 4, window: Windows.hann(16, isSymmetric: false, dtype: .float64), isNormalized: normalized)
      #expect(y.shape == [2, 9, 13])
      let back = y.istft(16, hop: 4, window: Windows.hann(16, isSymmetric: false, dtype: .float64), isNormalized: normalized, length: 48)
      #expect(distance(back, x.narrow(1, start: 0, length: 48)) < 1e-12)
    }
  }

  @Test func windowsAreTheirFormulas() {
    #expect(Windows.hann(5).elements(as: Float.self) == [0, 0.5, 1, 0.5, 0])
    #expect(Windows.bartlett(4, isSymmetric: false).elements(as: Float.self) == [0, 0.5, 1, 0.5])
    #expect(abs(Windows.gaussian(3, dtype: .float64).elements(as: Double.self)[0] - 0.6065306597126334) < 1e-15)
    #expect(Windows.kaiser(1).elements(as: Float.self) == [1] && Windows.cosine(0).shape == [0])
    // I₀(0) / I₀(12) at the ends.
    #expect(abs(Windows.kaiser(3, dtype: .float64).elements(as: Double.self)[0] - 5.2773441320097665e-05) < 1e-15)
  }

  @Test func whatPyTorchRefusesIsRefused() {
    let x = Tensor.ones([3, 4])
    let refused: [(String, () -> Tensor)] = [
      ("16 bits", { FFT.fft(x.to(.float16)) }), ("no dimension", { FFT.fft(Tensor(.real(1))) }), ("length", { FFT.fft(x, n: 0) }),
      ("twice", { FFT.fftn(x, dim: [0, 0]) }), ("complex", { FFT.rfft(x.to(.complex64)) }), ("long frame", { x.stft(16, center: false) }),
      ("window", { Windows.hann(3, dtype: .int64) }), ("negative", { Windows.hann(-1) }),
      ("sigma", { Windows.gaussian(3, standardDeviation: 0) }),
    ]
    for (what, call) in refused { #expect(throws: EmberError.self, "\(what)") { try catchingErrors { call() } } }
  }

  @Test func shapesAreKnownOnMeta() {
    let x = Tensor.zeros([2, 30], on: .meta)
    #expect(FFT.rfft(x).shape == [2, 16] && FFT.rfft(x).dtype == .complex64)
    #expect(FFT.irfft(FFT.rfft(x), n: 30).shape == [2, 30])
    #expect(x.stft(8).shape == [2, 5, 16])
  }
}
