// The classes of two answers side by side, by their labels.

// A label that an answer has twice says less than its index.
const namer = (...lists) => {
  const twice = (list) => list.map(({ label }) => label).filter((label, place, all) => all.indexOf(label) !== place);
  const doubled = new Set(lists.flatMap(twice));
  return ({ label, index }) => (doubled.has(label) ? `${label} ${index}` : label);
};

// Classes of which an answer does not say the score have less than the last of which it does.
const bound = (list) => {
  const { percent } = list.at(-1);
  return percent.startsWith("<") ? percent : `<${percent}`;
};

// Gives pairs of the `count` best classes of both, those of the first one in its order and then those of the second;
// `under`, what is said of a class that one of them does not name.
//   alike: whether both know the same classes. If not, those that only one of them names are `apart`, a list for each.
export const aligned = (first, second, count, alike) => {
  const name = namer(first, second);
  const index = (list) => new Map(list.map((one) => [name(one), one]));
  const [ofFirst, ofSecond] = [index(first), index(second)];
  const names = new Set([...first.slice(0, count), ...second.slice(0, count)].map(name));
  const pairs = [...names].map((one) => [ofFirst.get(one), ofSecond.get(one)]);
  if (alike) return { both: pairs, apart: [[], []], under: [first, second].map(bound) };
  return {
    both: pairs.filter(([one, other]) => one && other),
    apart: [pairs.filter(([, other]) => !other), pairs.filter(([one]) => !one)],
    under: ["–", "–"],
  };
};
