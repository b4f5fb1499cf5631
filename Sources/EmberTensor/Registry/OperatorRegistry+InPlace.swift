import EmberRuntime

/// ATen's in-place forms: `aten::add_.Tensor` beside `aten::add.Tensor`.
///
/// Tensors are values here, so that these return what would have been written: the result in `self`'s dtype. They refuse what cannot be
/// written there: a result of another shape or of a wider category, and a `self` whose elements share memory.
extension OperatorRegistry {
  /// Functions whose results are written over `self`.
  private static let overwriting = """
    abs absolute acos acosh add addcdiv addcmul addmm addmv addr arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin asinh atan \
    atan2 atanh baddbmm bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor ceil celu clamp clamp_max \
    clamp_min clip conj_physical copysign cos cosh cumprod cumsum deg2rad digamma div divide elu eq erf erfc erfinv exp exp2 expm1 fill fix \
    float_power floor floor_divide fmod frac gcd ge gelu greater greater_equal gt hardsigmoid hardswish hardtanh heaviside hypot i0 igamma \
    igammac index_add index_copy index_fill index_put index_reduce lcm ldexp le leaky_relu lerp less less_equal lgamma log log10 log1p log2 \
    logical_and logical_not logical_or logical_xor logit lt masked_fill masked_scatter mish mul multiply mvlgamma nan_to_num ne neg negative \
    nextafter not_equal polygamma pow put rad2deg reciprocal relu remainder renorm round rsqrt scatter scatter_add scatter_reduce selu sgn \
    sigmoid sign silu sin sinc sinh sqrt square sub subtract tan tanh threshold tril triu true_divide trunc xlogy
    """.split(separator: " ").map(String.init)

  /// Functions after which `self` has another shape: they only look at it otherwise, or (`addbmm`) make room.
  private static let reshaping = ["addbmm", "squeeze", "swapaxes", "swapdims", "t", "transpose", "unsqueeze"]

  /// Overloads that are called otherwise in place.
  private static let overloads: [String: [String: String]] = [
    "float_power": ["Tensor_Tensor": "Tensor", "Tensor_Scalar": "Scalar"], "floor_divide": ["": "Tensor"], "ldexp": ["Tensor": ""],
    "pow": ["Tensor_Tensor": "Tensor", "Tensor_Scalar": "Scalar"], "transpose": ["int": ""], "xlogy": ["Scalar_Other": "Scalar_Other"],
  ]

  /// Adds the in-place form of every operator that is there and has one. Call it last.
  public mutating func addInPlaceForms() {
    for name in Self.overwriting + Self.reshaping {
      let keepsShape = !Self.reshaping.contains(name)
      for original in overloads(of: "aten::\(name)") {
        let schema = original.schema
        guard let first = schema.arguments.first, first.name == "self", first.kind.isPlain("Tensor"),
          !schema.arguments.contains(where: { $0.name == "out" })
        else { continue }
        let renamed = Self.overloads[name]
        let overload = renamed.map { $0[schema.overload] ?? schema.overload } ?? schema.overload
        let position = schema.arguments.firstIndex { $0.name == "self" }!
        add(original, named: "aten::\(name)_", overload: overload) { results, values in
          guard keepsShape, case .tensor(let output)? = results.first, case .tensor(let target) = values[position] else { return results }
          if output.shape != target.shape, !output.isPoisoned {
            throw EmberError(.shape, in: "\(name)_", "a result of \(output.summary) does not fit in \(target.summary)")
          }
          return [.tensor(try written(output, to: target, in: "\(name)_", mayConvert: true))]
        }
      }
    }
  }
}
