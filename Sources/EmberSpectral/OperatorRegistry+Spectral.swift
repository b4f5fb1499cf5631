import EmberTensor

extension OperatorRegistry {
  /// Adds the operators of this module, family by family; each family stands at the end of its operations' file.
  public mutating func addSpectralOperators() {
    addFourierTransforms()
    addShortTimeTransforms()
    addWindows()
  }
}
