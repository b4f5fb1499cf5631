extension OperatorRegistry {
  /// Adds the operators of this module, family by family; each family stands at the end of its operations' file.
  public mutating func addTensorOperators() {
    addPointwiseFunctions()
    addMatrixProducts()
    addViews()
    addDiagonals()
    addStridedViews()
    addSplitting()
    addJoining()
    addRearrangements()
    addReductions()
    addCumulative()
    addSoftmax()
    addSelections()
    addSearching()
    addNorms()
    addDifferences()
    addStatistics()
    addHistograms()
    addIndexing()
    addIndexWriting()
    addScatterReductions()
    addMasked()
  }
}
