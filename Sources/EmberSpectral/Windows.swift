import CEmberSpectral
import EmberRuntime
import EmberTensor

/// What a window function is made of: the kind, first position, step, coefficients.
typealias WindowKernel = @Sendable (Bool, ember_window, Int64, Double, Double, [Double], UnsafeMutableRawPointer?) -> Void

private let windowKernels = KernelTable<WindowKernel>(
  "window", cpu: { ember_window_fill($0, $1, $2, $3, $4, $5, Int32($5.count), $6) })

/// Window functions, PyTorch's `torch.signal.windows`, in float32 or float64.
///
/// `isSymmetric` false makes the first `count` values of a window of `count + 1`: one period, for spectral analysis.
public enum Windows {
  /// Σ (-1)ᵏ aₖ cos(2π k i / (count - 1))
  public static func generalCosine(
    _ count: Int, coefficients a: [Double], isSymmetric: Bool = true, dtype: DType = .float32, on device: Device = .cpu
  ) -> Tensor {
    guard !a.isEmpty else {
      raise(EmberError(.value, in: "general_cosine", "at least one coefficient is needed"))
      return .poison
    }
    return make("general_cosine", EMBER_WINDOW_COSINES, count, isSymmetric, dtype, device, a) { (0, 2 * .pi / $0) }
  }

  /// α - (1 - α) cos(2π i / (count - 1))
  public static func generalHamming(
    _ count: Int, alpha: Double = 0.54, isSymmetric: Bool = true, dtype: DType = .float32, on device: Device = .cpu
  ) -> Tensor {
    generalCosine(count, coefficients: [alpha, 1 - alpha], isSymmetric: isSymmetric, dtype: dtype, on: device)
  }

  public static func hamming(_ count: Int, isSymmetric: Bool = true, dtype: DType = .float32, on device: Device = .cpu) -> Tensor {
    generalHamming(count, isSymmetric: isSymmetric, dtype: dtype, on: device)
  }

  public static func hann(_ count: Int, isSymmetric: Bool = true, dtype: DType = .float32, on device: Device = .cpu) -> Tensor {
    generalHamming(count, alpha: 0.5, isSymmetric: isSymmetric, dtype: dtype, on: device)
  }

  public static func blackman(_ count: Int, isSymmetric: Bool = true, dtype: DType = .float32, on device: Device = .cpu) -> Tensor {
    generalCosine(count, coefficients: [0.42, 0.5, 0.08], isSymmetric: isSymmetric, dtype: dtype, on: device)
  }

  /// The four terms of lowest side lobes (Nuttall, 1981).
  public static func nuttall(_ count: Int, isSymmetric: Bool = true, dtype: DType = .float32, on device: Device = .cpu) -> Tensor {
    generalCosine(
      count, coefficients: [0.3635819, 0.4891775, 0.1365995, 0.0106411], isSymmetric: isSymmetric, dtype: dtype, on: device)
  }

  /// 1 - |2 i / (count - 1) - 1|
  public static func bartlett(_ count: Int, isSymmetric: Bool = true, dtype: DType = .float32, on device: Device = .cpu) -> Tensor {
    make("bartlett", EMBER_WINDOW_TRIANGLE, count, isSymmetric, dtype, device) { (-1, 2 / $0) }
  }

  /// sin(π (i + 1/2) / count)
  public static func cosine(_ count: Int, isSymmetric: Bool = true, dtype: DType = .float32, on device: Device = .cpu) -> Tensor {
    make("cosine", EMBER_WINDOW_SINE, count, isSymmetric, dtype, device) { (.pi / 2 / ($0 + 1), .pi / ($0 + 1)) }
  }

  /// exp(-|i - center| / τ); a center of your own only with `isSymmetric` false.
  public static func exponential(
    _ count: Int, center: Double? = nil, tau: Double = 1, isSymmetric: Bool = true, dtype: DType = .float32, on device: Device = .cpu
  ) -> Tensor {
    guard tau > 0 else {
      raise(EmberError(.value, in: "exponential", "tau is \(tau); it must be positive"))
      return .poison
    }
    guard !isSymmetric || center == nil else {
      raise(EmberError(.value, in: "exponential", "a symmetric window has its own center; give none"))
      return .poison
    }
    return make("exponential", EMBER_WINDOW_EXPONENTIAL, count, isSymmetric, dtype, device) { (-(center ?? $0 / 2) / tau, 1 / tau) }
  }

  /// exp(-((i - center) / σ)² / 2)
  public static func gaussian(
    _ count: Int, standardDeviation: Double = 1, isSymmetric: Bool = true, dtype: DType = .float32, on device: Device = .cpu
  ) -> Tensor {
    guard standardDeviation > 0 else {
      raise(EmberError(.value, in: "gaussian", "the standard deviation is \(standardDeviation); it must be positive"))
      return .poison
    }
    let unit = 1 / (standardDeviation * 2.squareRoot())
    return make("gaussian", EMBER_WINDOW_GAUSSIAN, count, isSymmetric, dtype, device) { (-$0 / 2 * unit, unit) }
  }

  /// I₀(β √(1 - (2 i / (count - 1) - 1)²)) / I₀(β)
  public static func kaiser(
    _ count: Int, beta: Double = 12, isSymmetric: Bool = true, dtype: DType = .float32, on device: Device = .cpu
  ) -> Tensor {
    guard beta >= 0 else {
      raise(EmberError(.value, in: "kaiser", "beta is \(beta); it must not be negative"))
      return .poison
    }
    return make("kaiser", EMBER_WINDOW_KAISER, count, isSymmetric, dtype, device, [beta]) { (-beta, 2 * beta / $0) }
  }

  /// `positions` gives the first position and the step from the number of intervals.
  private static func make(
    _ name: String, _ window: ember_window, _ count: Int, _ isSymmetric: Bool, _ dtype: DType, _ device: Device,
    _ coefficients: [Double] = [], _ positions: (Double) -> (start: Double, step: Double)
  ) -> Tensor {
    compose(name, []) { () throws(EmberError) in
      guard count >= 0 else { throw EmberError(.value, in: name, "a window of \(count) elements") }
      guard dtype == .float32 || dtype == .float64 else {
        throw EmberError(.dtype, in: name, "a window of \(dtype); it must be float32 or float64")
      }
      // A single value is the window's middle, unless that was chosen.
      if count == 1, window != EMBER_WINDOW_EXPONENTIAL { return Tensor.ones([1], dtype: dtype, on: device) }
      // Few numbers, and made once: devices without a kernel get them from the CPU.
      if device.type != .meta, windowKernels.registered(on: device) == nil {
        return make(name, window, count, isSymmetric, dtype, .cpu, coefficients, positions).to(device)
      }
      let y = Tensor.empty([count], dtype: dtype, on: device)
      guard count > 0, !y.isPoisoned, let kernel = try windowKernels.kernel(on: device) else { return y }
      let (start, step) = positions(Double(isSymmetric || count == 1 ? count - 1 : count))
      kernel(dtype == .float64, window, Int64(count), start, step, coefficients, y.operand.pointer)
      return y
    }
  }
}

extension OperatorRegistry {
  mutating func addWindows() {
    let options = "*, bool sym=True, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool requires_grad=False"
    @Sendable func finished(_ layout: OperatorValue, _ requiresGrad: Bool, _ window: Tensor) throws -> Tensor {
      if case .layout(let name) = layout, name != "strided" {
        throw EmberError(.value, in: "window", "windows are dense; the layout \(name) is not available")
      }
      return requiresGrad ? window.requiringGrad() : window
    }
    typealias Plain = @Sendable (Int, Bool, DType, Device) -> Tensor
    let plain: KeyValuePairs<String, Plain> = [
      "bartlett": { Windows.bartlett($0, isSymmetric: $1, dtype: $2, on: $3) },
      "blackman": { Windows.blackman($0, isSymmetric: $1, dtype: $2, on: $3) },
      "cosine": { Windows.cosine($0, isSymmetric: $1, dtype: $2, on: $3) },
      "hamming": { Windows.hamming($0, isSymmetric: $1, dtype: $2, on: $3) },
      "hann": { Windows.hann($0, isSymmetric: $1, dtype: $2, on: $3) },
      "nuttall": { Windows.nuttall($0, isSymmetric: $1, dtype: $2, on: $3) },
    ]
    for (name, window) in plain {
      add("torch.signal.windows.\(name)(int M, \(options)) -> Tensor") {
        (count: Int, sym: Bool, dtype: DType?, layout: OperatorValue, device: Device?, grad: Bool) throws in
        try finished(layout, grad, window(count, sym, dtype ?? .float32, device ?? .cpu))
      }
    }
    let parametric: KeyValuePairs<String, (parameter: String, window: @Sendable (Int, Double, Bool, DType, Device) -> Tensor)> = [
      "general_hamming": ("alpha=0.54", { Windows.generalHamming($0, alpha: $1, isSymmetric: $2, dtype: $3, on: $4) }),
      "gaussian": ("std=1.0", { Windows.gaussian($0, standardDeviation: $1, isSymmetric: $2, dtype: $3, on: $4) }),
      "kaiser": ("beta=12.0", { Windows.kaiser($0, beta: $1, isSymmetric: $2, dtype: $3, on: $4) }),
    ]
    for (name, (parameter, window)) in parametric {
      add("torch.signal.windows.\(name)(int M, *, float \(parameter), \(options.dropFirst(3))) -> Tensor") {
        (count: Int, value: Double, sym: Bool, dtype: DType?, layout: OperatorValue, device: Device?, grad: Bool) throws in
        try finished(layout, grad, window(count, value, sym, dtype ?? .float32, device ?? .cpu))
      }
    }
    add("torch.signal.windows.general_cosine(int M, *, float[] a, \(options.dropFirst(3))) -> Tensor") {
      (count: Int, a: [Double], sym: Bool, dtype: DType?, layout: OperatorValue, device: Device?, grad: Bool) throws in
      try finished(
        layout, grad, Windows.generalCosine(count, coefficients: a, isSymmetric: sym, dtype: dtype ?? .float32, on: device ?? .cpu))
    }
    add("torch.signal.windows.exponential(int M, *, float? center=None, float tau=1.0, \(options.dropFirst(3))) -> Tensor") {
      (count: Int, center: Double?, tau: Double, sym: Bool, dtype: DType?, layout: OperatorValue, device: Device?, grad: Bool) throws in
      try finished(
        layout, grad,
        Windows.exponential(count, center: center, tau: tau, isSymmetric: sym, dtype: dtype ?? .float32, on: device ?? .cpu))
    }
  }
}
