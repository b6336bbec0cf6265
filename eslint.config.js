import js from "@eslint/js";

export default [
  {
    ...js.configs.recommended,
    files: ["api/page/site/**/*.js", "tests/unit/page/**/*.js"],
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      ...js.configs.recommended.rules,
      "no-undef": "off", // tsc knows the browser's names
      "array-callback-return": "error",
      "eqeqeq": "error",
      "max-len": ["error", { code: 110 }],
      "no-constructor-return": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-promise-executor-return": "error",
      "no-self-compare": "error",
      "no-template-curly-in-string": "error",
      "no-throw-literal": "error",
      "no-unmodified-loop-condition": "error",
      "no-unused-vars": ["error", { argsIgnorePattern: "^_" }],
      "no-useless-assignment": "error",
      "no-var": "error",
      "prefer-const": "error",
      "prefer-promise-reject-errors": "error",
      "require-atomic-updates": "error",
      "no-restricted-properties": [
        "error",
        ...["innerHTML", "outerHTML", "insertAdjacentHTML", "srcdoc"].map((property) => ({
          property,
          message: "The browser refuses text as markup here: make elements.",
        })),
        ...["localStorage", "sessionStorage"].map((property) => ({
          object: "window",
          property,
          message: "The page keeps nothing in the browser.",
        })),
      ],
      "no-restricted-globals": ["error", "localStorage", "sessionStorage", "indexedDB", "event", "name", "status"],
    },
  },
  {
    files: ["api/page/site/**/*.js"],
    rules: { quotes: ["error", "single", { avoidEscape: true }] },
  },
];
