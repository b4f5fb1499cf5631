import EmberTensor

extension OperatorRegistry {
  /// Adds the operators of this module, family by family; each family stands at the end of its operations' file.
  public mutating func addLinearAlgebraOperators() {
    addMatrixParts()
    addContractions()
    addEinsum()
    addSystems()
    addLU()
    addFactorizations()
    addSpectra()
    addDeterminants()
    addNorms()
    addDistances()
    addMatrixFunctions()
    addLeastSquares()
  }
}
