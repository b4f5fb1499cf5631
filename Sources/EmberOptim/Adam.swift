import CEmberKernels
import EmberRuntime
import EmberTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Adam (Kingma and Ba, 2015, arXiv:1412.6980) and AdamW (Loshchilov and Hutter, 2019, arXiv:1711.05101), as in `torch.optim`.
open class Adam: GroupOptimizer<Adam.Options> {
  public struct Options: OptimizerOptions {
    public var learningRate: Double
    public var betas: (Double, Double)
    public var epsilon: Double
    public var weightDecay: Double
    public var amsgrad: Bool
    public var maximize: Bool
    /// AdamW: weight decay shrinks the parameter instead of joining the gradient.
    public var decoupled: Bool

    public init(
      learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8, weightDecay: Double = 0,
      amsgrad: Bool = false, maximize: Bool = false, decoupled: Bool = false
    ) {
      self.learningRate = learningRate
      self.betas = betas
      self.epsilon = epsilon
      self.weightDecay = weightDecay
      self.amsgrad = amsgrad
      self.maximize = maximize
      self.decoupled = decoupled
    }

    public static var saved: [(name: String, path: WritableKeyPath<Options, Double>)] {
      [
        ("lr", \.learningRate), ("beta1", \.betas.0), ("beta2", \.betas.1), ("eps", \.epsilon), ("weight_decay", \.weightDecay),
        ("amsgrad", \.amsgrad.asNumber), ("maximize", \.maximize.asNumber), ("decoupled_weight_decay", \.decoupled.asNumber),
      ]
    }
  }

  public init(groups: [ParameterGroup<Options>]) {
    for group in groups {
      let o = group.options
      checkOption("Adam", "learningRate", o.learningRate, o.learningRate >= 0)
      checkOption("Adam", "betas.0", o.betas.0, o.betas.0 >= 0 && o.betas.0 < 1)
      checkOption("Adam", "betas.1", o.betas.1, o.betas.1 >= 0 && o.betas.1 < 1)
      checkOption("Adam", "epsilon", o.epsilon, o.epsilon >= 0)
      checkOption("Adam", "weightDecay", o.weightDecay, o.weightDecay >= 0)
    }
    super.init(groups)
  }

  public convenience init(
    _ parameters: [StateCell], learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8,
    weightDecay: Double = 0, amsgrad: Bool = false, maximize: Bool = false
  ) {
    self.init(groups: [
      ParameterGroup(
        parameters,
        Options(
          learningRate: learningRate, betas: betas, epsilon: epsilon, weightDecay: weightDecay, amsgrad: amsgrad, maximize: maximize))
    ])
  }

  override open func stateNames(_ options: Options) -> [String] {
    ["exp_avg", "exp_avg_sq"] + (options.amsgrad ? ["max_exp_avg_sq"] : [])
  }

  override open func updatesInPlace(_ value: Tensor, gradient: Tensor) -> Bool { hasOptimizerKernel(value, gradient) }

  override open func update(_ value: inout Tensor, gradient: Tensor, state: inout ParameterState, options o: Options) {
    state.step += 1
    var average = state.tensors.removeValue(forKey: "exp_avg") ?? Tensor.zeros(like: value)
    var square = state.tensors.removeValue(forKey: "exp_avg_sq") ?? Tensor.zeros(like: value)
    var largest = o.amsgrad ? state.tensors.removeValue(forKey: "max_exp_avg_sq") ?? Tensor.zeros(like: value) : nil
    let correction1 = 1 - pow(o.betas.0, Double(state.step)), correction2 = 1 - pow(o.betas.1, Double(state.step))
    if updatesInPlace(value, gradient: gradient) {
      var options = ember_adam_options(
        learning_rate: o.learningRate, beta1: o.betas.0, beta2: o.betas.1, epsilon: o.epsilon, weight_decay: o.weightDecay,
        bias_correction1: correction1, bias_correction2: correction2, decoupled: o.decoupled, amsgrad: o.amsgrad, maximize: o.maximize)
      // Complex numbers move as pairs of real ones.
      var count = Int64(value.elementCount * (value.dtype.isComplex ? 2 : 1))
      let dtype = Int32(value.dtype.realType.rawValue)
      gradient.withOperand { g in
        value.withMutableOperand { p in
          average.withMutableOperand { m in
            square.withMutableOperand { v in
              var parameters: UnsafeMutableRawPointer? = p.pointer
              var gradients = UnsafeRawPointer(g.pointer)
              var averages: UnsafeMutableRawPointer? = m.pointer
              var squares: UnsafeMutableRawPointer? = v.pointer
              if largest != nil {
                largest!.withMutableOperand { x in
                  var maxima: UnsafeMutableRawPointer? = x.pointer
                  ember_adam_step(dtype, 1, &count, &parameters, &gradients, &averages, &squares, &maxima, &options)
                }
              } else {
                ember_adam_step(dtype, 1, &count, &parameters, &gradients, &averages, &squares, nil, &options)
              }
            }
          }
        }
      }
    } else {
      composed(&value, gradient, &average, &square, &largest, o, correction1, correction2)
    }
    state.tensors["exp_avg"] = average
    state.tensors["exp_avg_sq"] = square
    if let largest { state.tensors["max_exp_avg_sq"] = largest }
  }

  /// The rule in tensor operations, for devices without a kernel.
  private func composed(
    _ value: inout Tensor, _ gradient: Tensor, _ average: inout Tensor, _ square: inout Tensor, _ largest: inout Tensor?, _ o: Options,
    _ correction1: Double, _ correction2: Double
  ) {
    // Complex numbers move as pairs of real ones, each part with a second moment of its own.
    let isComplex = value.dtype.isComplex
    func parts(_ x: Tensor) -> Tensor { isComplex ? x.viewAsReal() : x }
    func whole(_ x: Tensor) -> Tensor { isComplex ? x.viewAsComplex() : x }
    if o.decoupled, o.weightDecay != 0 { value *= Scalar.real(1 - o.learningRate * o.weightDecay) }
    var g = parts(o.maximize ? -gradient : gradient)
    if !o.decoupled, o.weightDecay != 0 { g = g + parts(value) * o.weightDecay }
    let m = parts(average) * o.betas.0 + g * (1 - o.betas.0)
    let v = parts(square) * o.betas.1 + g * g * (1 - o.betas.1)
    let top = largest.map { maximum(parts($0), v) } ?? v
    let denominator = top.sqrt() / correction2.squareRoot() + o.epsilon
    value -= whole(m / denominator * Scalar.real(o.learningRate / correction1))
    average = whole(m)
    square = whole(v)
    if largest != nil { largest = whole(top) }
  }
}

/// Adam with decoupled weight decay.
public final class AdamW: Adam {
  public convenience init(
    _ parameters: [StateCell], learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8,
    weightDecay: Double = 1e-2, amsgrad: Bool = false, maximize: Bool = false
  ) {
    self.init(groups: [
      ParameterGroup(
        parameters,
        Options(
          learningRate: learningRate, betas: betas, epsilon: epsilon, weightDecay: weightDecay, amsgrad: amsgrad, maximize: maximize,
          decoupled: true))
    ])
  }
}
