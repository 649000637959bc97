"""draw.py ALL.json COUNT SEED: a sample of mutants, the same for the same list and seed."""
import json, random, sys

mutants = sorted(json.load(open(sys.argv[1])), key=lambda m: m["name"])
count, seed = int(sys.argv[2]), int(sys.argv[3])
json.dump(random.Random(seed).sample(mutants, min(count, len(mutants))), sys.stdout, indent=1)
