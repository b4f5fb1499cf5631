// Made by Tests/Fixtures/distribution_values.py with PyTorch 2.15.0.

let distributionValues: [DistributionValue] = [
  DistributionValue(
    name: "Normal", parameters: [[0.0, -1.5, 30.0], [1.0, 0.25, 7.0]],
    values: [0.3, -1.0, 12.0],
    logProbability: [-0.9639385332046727, -1.532644172084782, -6.170971131239577],
    entropy: [1.4189385332046727, 0.0326441720847821, 3.3648486822599857],
    mean: [0.0, -1.5, 30.0],
    variance: [1.0, 0.0625, 49.0],
    mode: [0.0, -1.5, 30.0],
    cdf: [0.6179114221889526, 0.9772498680518208, 0.005063995274695365],
    icdf: [-1.2815515655446008, -1.5, 38.9708609588122]),
  DistributionValue(
    name: "LogNormal", parameters: [[0.0, -0.5, 1.0], [1.0, 0.25, 0.5]],
    values: [0.3, 1.5, 12.0],
    logProbability: [-0.43974098565696607, -6.497045776203586, -7.120593519601973],
    entropy: [1.4189385332046727, -0.4673558279152179, 1.7257913526447273],
    mean: [1.6487212707001282, 0.6257840096045911, 3.080216848918031],
    variance: [4.670774270471605, 0.02525639300170941, 2.694758124344948],
    mode: [0.36787944117144233, 0.569782824730923, 2.117000016612675],
    cdf: [0.11430004504915153, 0.9998537540396335, 0.9985100960607272],
    icdf: [0.2776062418520097, 0.6065306597126334, 5.159170355622593]),
  DistributionValue(
    name: "HalfNormal", parameters: [[1.0, 0.25, 7.0]],
    values: [0.3, 0.9, 12.0],
    logProbability: [-0.2707913526447274, -5.3194969915248365, -3.641089256802081],
    entropy: [0.7257913526447274, -0.6605030084751632, 2.6717015017000403],
    mean: [0.7978845608028654, 0.19947114020071635, 5.585191925620058],
    variance: [0.3633802276324186, 0.022711264227026164, 17.80563115398851],
    mode: [0.0, 0.0, 0.0],
    cdf: [0.23582284437790513, 0.9996817828196849, 0.9135237345063343],
    icdf: [0.12566134685507416, 0.16862243754902045, 11.513975388660306]),
  DistributionValue(
    name: "Uniform", parameters: [[0.0, -2.0, 5.0], [1.0, 3.0, 5.5]],
    values: [0.3, -1.0, 5.25],
    logProbability: [0.0, -1.6094379124341003, 0.6931471805599453],
    entropy: [0.0, 1.6094379124341003, -0.6931471805599453],
    mean: [0.5, 0.5, 5.25],
    variance: [0.08333333333333333, 2.0833333333333335, 0.020833333333333332],
    mode: [.nan, .nan, .nan],
    cdf: [0.3, 0.2, 0.5],
    icdf: [0.1, 0.5, 5.45]),
  DistributionValue(
    name: "Laplace", parameters: [[0.0, -1.5, 3.0], [1.0, 0.25, 7.0]],
    values: [0.3, -1.0, -12.0],
    logProbability: [-0.9931471805599452, -1.3068528194400546, -4.781914472472401],
    entropy: [1.6931471805599454, 0.3068528194400547, 3.6390573296152584],
    mean: [0.0, -1.5, 3.0],
    variance: [2.0, 0.125, 98.0],
    mode: [0.0, -1.5, 3.0],
    cdf: [0.6295908896591411, 0.9323323583816936, 0.058659583047125374],
    icdf: [-1.6094379124341005, -1.5, 14.266065387038704]),
  DistributionValue(
    name: "Exponential", parameters: [[1.0, 0.25, 7.0]],
    values: [0.3, 9.0, 0.01],
    logProbability: [-0.3, -3.636294361119891, 1.8759101490553132],
    entropy: [1.0, 2.386294361119891, -0.9459101490553132],
    mean: [1.0, 4.0, 0.14285714285714285],
    variance: [1.0, 16.0, 0.02040816326530612],
    mode: [0.0, 0.0, 0.0],
    cdf: [0.2591817793182821, 0.8946007754381357, 0.06760618009405173],
    icdf: [0.10536051565782631, 2.772588722239781, 0.32894072757057796]),
  DistributionValue(
    name: "Gumbel", parameters: [[0.0, -1.5, 3.0], [1.0, 0.25, 7.0]],
    values: [0.3, -1.0, -2.0],
    logProbability: [-1.0408182206817178, -0.7490409221167222, -3.2743515050357406],
    entropy: [1.5772156649015328, 0.19092130378164218, 3.523125813956846],
    mean: [0.5772156649015329, -1.3556960837746168, 7.04050965431073],
    variance: [1.6449340668482264, 0.10280837917801415, 80.6017692755631],
    mode: [0.0, -1.5, 3.0],
    cdf: [0.4767236907145942, 0.8734230184931169, 0.1296745965140813],
    icdf: [-0.8340324452479561, -1.408371769854584, 18.752571291187103]),
  DistributionValue(
    name: "Cauchy", parameters: [[0.0, -1.5, 3.0], [1.0, 0.25, 7.0]],
    values: [0.3, -1.0, 120.0],
    logProbability: [-1.2309075820904525, -1.3678734371636099, -8.726740731567915],
    entropy: [2.5310242469692907, 1.1447298858494002, 4.476934396024604],
    mean: [.nan, .nan, .nan],
    variance: [.infinity, .infinity, .infinity],
    mode: [0.0, -1.5, 3.0],
    cdf: [0.5927735790777423, 0.8524163823495667, 0.9809784930837184],
    icdf: [-3.0776835371752527, -1.5, 24.543784760226767]),
  DistributionValue(
    name: "Gamma", parameters: [[1.0, 0.25, 7.0], [1.0, 3.0, 0.5]],
    values: [0.3, 0.01, 12.0],
    logProbability: [-0.3, 2.4105081869600182, -2.521841577201714],
    entropy: [1.0, -2.7311799140022313, 3.0356923819792456],
    mean: [1.0, 0.08333333333333333, 14.0],
    variance: [1.0, 0.027777777777777776, 28.0],
    mode: [0.0, 0.0, 12.0],
    cdf: [0.25918177931828207, 0.4564227772413397, 0.3936972175874086],
    icdf: nil),
  DistributionValue(
    name: "Beta", parameters: [[1.0, 0.25, 7.0], [1.0, 3.0, 0.5]],
    values: [0.3, 0.01, 0.9],
    logProbability: [0.0, 2.3884091936347684, 0.9018775343739964],
    entropy: [0.0, -2.6995524072446124, -1.894042942071966],
    mean: [0.5, 0.07692307692307693, 0.9333333333333333],
    variance: [0.08333333333333333, 0.016707274625826662, 0.007320261437908497],
    mode: [.nan, 0.0, 1.0],
    cdf: nil,
    icdf: nil),
  DistributionValue(
    name: "Dirichlet", parameters: [[1.0, 0.25, 7.0], [1.0, 3.0, 0.5]],
    values: [0.3, 0.1, 0.6],
    logProbability: [-0.17210173995346612, -3.1615329267472987],
    entropy: [-4.819190396345848, -1.9322417410261492],
    mean: [
      0.12121212121212122, 0.030303030303030304, 0.8484848484848485, 0.2222222222222222,
      0.6666666666666666, 0.1111111111111111,
    ],
    variance: [
      0.011515647879284243, 0.0031767304494577223, 0.013898195716377534, 0.031425364758698095,
      0.04040404040404041, 0.017957351290684626,
    ],
    mode: [
      0.0, 0.0, 1.0, 0.0,
      1.0, 0.0,
    ],
    cdf: nil,
    icdf: nil),
  DistributionValue(
    name: "StudentT", parameters: [[1.0, 1.5, 7.0], [1.0, 3.0, 0.5], [0.5, 1.0, 2.0]],
    values: [0.3, 0.01, 12.0],
    logProbability: [-1.5367719736254237, -3.5018866008875356, -8.625803673633623],
    entropy: [1.8378770664093453, 2.149659467844649, 2.2595254422775506],
    mean: [.nan, 3.0, 0.5],
    variance: [.nan, .infinity, 5.6],
    mode: [1.0, 3.0, 0.5],
    cdf: nil,
    icdf: nil),
  DistributionValue(
    name: "Bernoulli", parameters: [[0.3, 0.999, 0.5]],
    values: [1.0, 0.0, 1.0],
    logProbability: [-1.2039728043259361, -6.907755278982136, -0.6931471805599453],
    entropy: [0.6108643020548935, 0.007907255112232094, 0.6931471805599453],
    mean: [0.3, 0.999, 0.5],
    variance: [0.21, 0.000999000000000001, 0.25],
    mode: [0.0, 1.0, .nan],
    cdf: nil,
    icdf: nil),
  DistributionValue(
    name: "Bernoulli logits", parameters: [[-2.0, 0.0, 30.0]],
    values: [1.0, 0.0, 1.0],
    logProbability: [-2.1269280110429727, -0.6931471805599453, -9.357622968839737e-14],
    entropy: [0.36533385508720784, 0.6931471805599453, 2.897999589891543e-12],
    mean: [0.11920292202211755, 0.5, 0.9999999999999065],
    variance: [0.1049935854035065, 0.25, 9.348077867342945e-14],
    mode: [0.0, .nan, 1.0],
    cdf: nil,
    icdf: nil),
  DistributionValue(
    name: "Geometric", parameters: [[0.3, 0.9, 0.5]],
    values: [4.0, 0.0, 1.0],
    logProbability: [-2.6306725800808657, -0.10536051565782628, -1.3862943611198906],
    entropy: [2.0362143401829784, 0.36120330376827575, 1.3862943611198906],
    mean: [2.3333333333333335, 0.11111111111111116, 1.0],
    variance: [7.777777777777779, 0.12345679012345684, 2.0],
    mode: [0.0, 0.0, 0.0],
    cdf: nil,
    icdf: nil),
  DistributionValue(
    name: "Categorical", parameters: [[0.2, 0.5, 0.3], [0.7, 0.1, 0.2]],
    values: [1.0, 2.0],
    logProbability: [-0.6931471805599453, -1.6094379124341003],
    entropy: [1.0296530140645737, 0.8018185525433373],
    mean: [.nan, .nan],
    variance: [.nan, .nan],
    mode: [1, 0],
    cdf: nil,
    icdf: nil),
  DistributionValue(
    name: "Categorical logits", parameters: [[-1.0, 3.0, 0.5], [0.0, 0.0, 0.1]],
    values: [1.0, 2.0],
    logProbability: [-0.09567432941438225, -1.0330687599495758],
    entropy: [0.3487412966820078, 1.097477452828854],
    mean: [.nan, .nan],
    variance: [.nan, .nan],
    mode: [1, 2],
    cdf: nil,
    icdf: nil),
]

let divergenceValues: [DivergenceValue] = [
  DivergenceValue(
    p: "Normal", pParameters: [[0.0, 2.0], [1.0, 0.5]], q: "Normal", qParameters: [[0.5, -1.0], [2.0, 3.0]],
    value: [0.3493971805599453, 1.8056483581169438]),
  DivergenceValue(
    p: "LogNormal", pParameters: [[0.0, 1.0], [1.0, 0.5]], q: "LogNormal", qParameters: [[0.5, -1.0], [2.0, 3.0]],
    value: [0.3493971805599453, 1.5278705803391661]),
  DivergenceValue(
    p: "HalfNormal", pParameters: [[1.0, 0.5]], q: "HalfNormal", qParameters: [[2.0, 0.3]],
    value: [0.3181471805599453, 0.37806326512289834]),
  DivergenceValue(
    p: "Uniform", pParameters: [[0.0, 2.0], [1.0, 3.5]], q: "Uniform", qParameters: [[-0.5, 1.0], [2.0, 3.0]],
    value: [0.9162907318741551, .infinity]),
  DivergenceValue(
    p: "Laplace", pParameters: [[0.0, 2.0], [1.0, 0.5]], q: "Laplace", qParameters: [[0.5, -1.0], [2.0, 3.0]],
    value: [0.246412510416262, 1.792172594590833]),
  DivergenceValue(
    p: "Exponential", pParameters: [[1.0, 0.5]], q: "Exponential", qParameters: [[2.0, 0.3]],
    value: [0.3068528194400546, 0.11082562376599059]),
  DivergenceValue(
    p: "Gumbel", pParameters: [[0.0, 2.0], [1.0, 0.5]], q: "Gumbel", qParameters: [[0.5, -1.0], [2.0, 3.0]],
    value: [0.2924772453435527, 1.652035285163206]),
  DivergenceValue(
    p: "Cauchy", pParameters: [[0.0, 2.0], [1.0, 0.5]], q: "Cauchy", qParameters: [[0.5, -1.0], [2.0, 3.0]],
    value: [0.14518200984449825, 1.264597426142371]),
  DivergenceValue(
    p: "Gamma", pParameters: [[1.0, 0.5], [2.0, 3.0]], q: "Gamma", qParameters: [[2.0, 0.3], [1.0, 5.0]],
    value: [1.4635100260214233, 0.31081669289262703]),
  DivergenceValue(
    p: "Beta", pParameters: [[1.0, 0.5], [2.0, 3.0]], q: "Beta", qParameters: [[2.0, 0.3], [1.0, 5.0]],
    value: [0.9999999999999998, 0.3170885127219838]),
  DivergenceValue(
    p: "Dirichlet", pParameters: [[1.0, 0.5], [2.0, 3.0]], q: "Dirichlet", qParameters: [[2.0, 0.3], [1.0, 5.0]],
    value: [0.46216699817860896, 0.9588020706872336]),
  DivergenceValue(
    p: "Bernoulli", pParameters: [[0.3, 0.0]], q: "Bernoulli", qParameters: [[0.6, 0.2]],
    value: [0.1837868973868122, 0.22314355131420954]),
  DivergenceValue(
    p: "Geometric", pParameters: [[0.3, 0.9]], q: "Geometric", qParameters: [[0.6, 0.2]],
    value: [0.612622991289374, 1.2730283365896256]),
  DivergenceValue(
    p: "Categorical", pParameters: [[0.2, 0.5, 0.3], [0.7, 0.0, 0.3]], q: "Categorical", qParameters: [[0.1, 0.1, 0.8], [0.2, 0.3, 0.5]],
    value: [0.6490996164255212, 0.7236863908169602]),
  DivergenceValue(
    p: "Uniform", pParameters: [[0.0, 2.0], [1.0, 3.5]], q: "Normal", qParameters: [[0.5, -1.0], [2.0, 3.0]],
    value: [1.6225023804312846, 2.4037523804312846]),
  DivergenceValue(
    p: "Uniform", pParameters: [[0.0, 2.0], [1.0, 3.5]], q: "Exponential", qParameters: [[0.5, 1.0]],
    value: [0.9431471805599453, 2.3445348918918354]),
  DivergenceValue(
    p: "Uniform", pParameters: [[0.0, 2.0], [1.0, 3.5]], q: "Gumbel", qParameters: [[0.5, -1.0], [2.0, 3.0]],
    value: [1.7035964477926182, 2.2326457426059703]),
  DivergenceValue(
    p: "Exponential", pParameters: [[1.0, 0.5]], q: "Normal", qParameters: [[0.5, -1.0], [2.0, 3.0]],
    value: [0.7683357137646181, 1.0466258635350592]),
  DivergenceValue(
    p: "Exponential", pParameters: [[1.0, 0.5]], q: "Gumbel", qParameters: [[0.5, -1.0], [2.0, 3.0]],
    value: [0.7991641250184396, 0.8353838944524379]),
  DivergenceValue(
    p: "Laplace", pParameters: [[0.0, 2.0], [1.0, 0.5]], q: "Normal", qParameters: [[0.5, -1.0], [2.0, 3.0]],
    value: [0.20018853320467267, 1.5453285996505604]),
  DivergenceValue(
    p: "Normal", pParameters: [[0.0, 2.0], [1.0, 0.5]], q: "Laplace", qParameters: [[0.5, -1.0], [2.0, 3.0]],
    value: [0.4151523853165239, 2.0659681166354464]),
  DivergenceValue(
    p: "Normal", pParameters: [[0.0, 2.0], [1.0, 0.5]], q: "Gumbel", qParameters: [[0.5, -1.0], [2.0, 3.0]],
    value: [0.479200061973474, 1.745845460918357]),
  DivergenceValue(
    p: "Gumbel", pParameters: [[0.0, 2.0], [1.0, 0.5]], q: "Normal", qParameters: [[0.5, -1.0], [2.0, 3.0]],
    value: [0.24123208958238673, 1.757158725996116]),
  DivergenceValue(
    p: "Normal", pParameters: [[0.0, 2.0], [1.0, 0.5]], q: "Uniform", qParameters: [[0.5, -1.0], [2.0, 3.0]],
    value: [.infinity, .infinity]),
  DivergenceValue(
    p: "Exponential", pParameters: [[1.0, 0.5]], q: "Uniform", qParameters: [[0.5, -1.0], [2.0, 3.0]],
    value: [.infinity, .infinity]),
]
