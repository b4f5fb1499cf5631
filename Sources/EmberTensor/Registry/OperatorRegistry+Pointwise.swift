import EmberRuntime

extension OperatorRegistry {
  /// Registers pointwise functions of one input under ATen's names: `exp` becomes `aten::exp(Tensor self) -> Tensor`.
  public mutating func addUnary(_ functions: KeyValuePairs<String, Pointwise>) {
    for (name, function) in functions {
      add("aten::\(name)(Tensor self) -> Tensor") { (x: Tensor) in function(x) }
    }
  }
}

extension OperatorRegistry {
  /// ATen's second names of operators: `absolute` for `abs`, `special_erf` for `erf`. All overloads are known under both.
  mutating func addAliases() {
    let aliases: KeyValuePairs<String, String> = [
      "absolute": "abs", "arccos": "acos", "arccosh": "acosh", "arcsin": "asin", "arcsinh": "asinh", "arctan": "atan", "arctanh": "atanh",
      "arctan2": "atan2", "fix": "trunc", "negative": "neg", "clip": "clamp", "divide": "div", "multiply": "mul", "subtract": "sub",
      "greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le", "not_equal": "ne", "special_digamma": "digamma",
      "special_psi": "digamma", "special_erf": "erf", "special_erfc": "erfc", "special_erfinv": "erfinv", "special_exp2": "exp2",
      "special_expm1": "expm1", "special_expit": "sigmoid", "special_gammaln": "lgamma", "special_i0": "i0", "special_log1p": "log1p",
      "special_logit": "logit", "special_multigammaln": "mvlgamma", "special_round": "round", "special_sinc": "sinc",
      "special_gammainc": "igamma", "special_gammaincc": "igammac", "special_softmax": "softmax", "special_log_softmax": "log_softmax",
      "special_logsumexp": "logsumexp",
    ]
    for (alias, name) in aliases {
      for original in overloads(of: "aten::\(name)") { add(original, named: "aten::\(alias)") }
    }
    // The overloads of this one are called otherwise.
    add("aten::special_xlogy(Tensor self, Tensor other) -> Tensor") { (x: Tensor, y: Tensor) in xlogy(x, y) }
    add("aten::special_xlogy.self_scalar(Scalar self, Tensor other) -> Tensor") { (x: Scalar, y: Tensor) in xlogy(y.meeting(x), y) }
    add("aten::special_xlogy.other_scalar(Tensor self, Scalar other) -> Tensor") { (x: Tensor, y: Scalar) in xlogy(x, x.meeting(y)) }
  }
}
