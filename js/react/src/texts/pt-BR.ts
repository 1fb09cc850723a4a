import type { Fault } from "../form/validate.js";
import { formatNumber, plural } from "./format.js";
import type { Texts } from "./types.js";

const locale = "pt-BR";
const n = (value: number | bigint) => formatNumber(locale, value);
const items = (count: number) => `${n(count)} ${plural(locale, count, { one: "item", other: "itens" })}`;
const characters = (count: number) => `${n(count)} ${plural(locale, count, { one: "caractere", other: "caracteres" })}`;

export const ptBR: Texts = {
  locale,
  status: {
    names: {
      pending: "Na fila",
      running: "Em execução",
      pending_hitl: "Aguardando você",
      completed: "Concluído",
      failed: "Falhou",
      cancelled: "Cancelado",
    },
    reasons: {
      delayed: "adiado",
      retrying: "vai tentar de novo",
      sleeping: "em pausa",
      rescued: "retomado de um processo perdido",
      released: "continua em breve",
      answered: "respondido, continua em breve",
    },
    cancelling: "Cancelando…",
    attempt: (attempt, of) => `Tentativa ${n(attempt)} de ${n(of)}`,
    due: (when) => `Continua ${when}`,
  },
  progress: {
    label: "Progresso",
    percent: (percent) => percent,
    unknown: "Em andamento",
    item: (name, item, of) => `${name} (${n(item)} de ${n(of)})`,
  },
  cancel: {
    cancel: "Cancelar",
    question: "Cancelar este trabalho?",
    yes: "Sim, cancelar",
    no: "Não, manter",
    pending: "Cancelando…",
    failed: "Não foi possível cancelar. Tente de novo.",
  },
  prompt: {
    kinds: {
      clarify: "Algumas perguntas",
      confirm: "É isto que você quer?",
      preview: "Este resultado está bom?",
      validate: "Aceitar este resultado?",
      form: "Precisamos da sua resposta",
      callback: "Aguardando outro sistema",
    },
    proceed: "Aprovar",
    revise: "Pedir mudanças",
    feedback: "O que deve mudar?",
    feedbackHint: "O trabalho continua com o que você escrever aqui.",
    sendFeedback: "Enviar comentário",
    back: "Voltar",
    send: "Enviar resposta",
    sending: "Enviando…",
    cancelJob: "Cancelar o trabalho",
    cancelQuestion: "Cancelar o trabalho inteiro?",
    rationale: "Por que perguntamos",
    assumptions: "Suposições",
    highlights: "Destaques",
    issues: "Possíveis problemas",
    path: "Arquivo",
    confidence: (percent) => `Confiança: ${percent}`,
    score: (percent) => `Nota: ${percent}`,
    passed: "As verificações passaram",
    notPassed: "As verificações não passaram",
    other: "Outra resposta",
    otherLabel: "A sua própria resposta",
    answer: "Sua resposta",
    several: "Escolha uma ou mais.",
    callback: "Outro sistema responde a esta pergunta. Você não precisa fazer nada.",
    deadline: (date, relative) => `Responda até ${date} (${relative})`,
    overdue: "O prazo já passou.",
    assignee: (name) => `Para ${name}`,
    answered: "Respondida",
    answeredBy: (name, date) => (name ? `Respondida por ${name}, ${date}.` : `Respondida ${date}.`),
    answeredMeanwhile: (name) =>
      name
        ? `${name} respondeu nesse meio-tempo. A sua resposta não foi usada.`
        : "Alguém respondeu nesse meio-tempo. A sua resposta não foi usada.",
    theirAnswer: "A resposta que vale",
    defaulted: (date) => `Ninguém respondeu a tempo; vale a resposta padrão, ${date}.`,
    expired: "O prazo passou sem resposta.",
    withdrawn: "Esta pergunta foi retirada.",
    gone: "Esta pergunta não está mais aberta.",
    sent: "Sua resposta foi enviada.",
    seen: "Continuar",
    refused: (why) => `A resposta anterior não pôde ser usada, por isso perguntamos de novo: ${why}`,
    failed: "Não foi possível enviar a resposta. Tente de novo.",
    unknownKind: (kind) => `Uma pergunta do tipo “${kind}”`,
    flaws: (count) => `Revise ${n(count)} ${plural(locale, count, { one: "campo", other: "campos" })}.`,
  },
  inbox: {
    title: "Perguntas para você",
    count: (count) =>
      `${n(count)} ${plural(locale, count, { one: "pergunta em aberto", other: "perguntas em aberto" })}`,
    atLeast: (count) => `${n(count)} perguntas em aberto ou mais`,
    empty: "Nenhuma pergunta em aberto.",
    loading: "Carregando perguntas…",
    failed: "Não foi possível carregar as perguntas.",
    asked: (relative) => `Feita ${relative}`,
  },
  timeline: {
    title: "Histórico",
    empty: "Nada aconteceu ainda.",
    kinds: {
      "job.enqueued": "Aceito",
      "job.started": "Iniciado",
      "job.completed": "Concluído",
      "job.failed": "Falhou",
      "job.retrying": "Falhou, vai tentar de novo",
      "job.released": "Posto de lado, continua em breve",
      "job.rescued": "Retomado de um processo perdido",
      "job.sleeping": "Em pausa",
      "job.waiting": "Aguardando uma resposta",
      "job.resumed": "Continua",
      "job.cancelled": "Cancelado",
      "cancel.requested": "Cancelamento pedido",
      "cancel.delivered": "Avisado para parar",
      progress: "Progresso",
      "step.completed": "Etapa concluída",
      "step.failed": "Etapa falhou",
      "prompt.opened": "Pergunta feita",
      "prompt.served": "Pergunta mostrada",
      "prompt.answered": "Pergunta respondida",
      "prompt.expired": "Pergunta expirada",
      "prompt.withdrawn": "Pergunta retirada",
      output: "Saída",
      "output.reset": "A saída recomeça",
      log: "Nota",
    },
    attempt: (attempt) => `Tentativa ${n(attempt)}`,
    by: (name) => `por ${name}`,
  },
  output: { title: "Saída", empty: "Nenhuma saída ainda.", streaming: "Ainda escrevendo…" },
  form: {
    required: "obrigatório",
    optional: "opcional",
    deprecated: "não é mais usado",
    choose: "Escolha…",
    none: "Nenhum",
    yes: "Sim",
    no: "Não",
    example: (examples) => `Por exemplo: ${examples}`,
    number: ({ from, to, step }) => {
      const range = from && to ? `De ${from} a ${to}` : from ? `A partir de ${from}` : to ? `Até ${to}` : "";
      return [range, step ? `em passos de ${step}` : ""].filter(Boolean).join(", ") || null;
    },
    length: (min, max) =>
      min > 1 && max !== null
        ? `De ${n(min)} a ${characters(max)}`
        : max !== null
          ? `No máximo ${characters(max)}`
          : min > 1
            ? `No mínimo ${characters(min)}`
            : null,
    items: (min, max) =>
      min > 0 && max !== null
        ? min === max
          ? `Exatamente ${items(min)}`
          : `De ${n(min)} a ${items(max)}`
        : max !== null
          ? `No máximo ${items(max)}`
          : min > 0
            ? `No mínimo ${items(min)}`
            : null,
    add: (what) => `Adicionar ${what}`,
    remove: (what) => `Remover ${what}`,
    up: (what) => `Mover ${what} para cima`,
    down: (what) => `Mover ${what} para baixo`,
    item: (number) => `Item ${n(number)}`,
    one: "item",
    entry: "entrada",
    key: "Nome",
    value: "Valor",
    moved: (what, position, of) => `${what}: agora na posição ${n(position)} de ${n(of)}.`,
    removed: (what) => `${what}: removido.`,
    added: (what) => `${what}: adicionado.`,
    further: "Outros campos",
    kind: "Tipo",
    types: {
      string: "Texto",
      integer: "Número inteiro",
      number: "Número",
      boolean: "Sim ou não",
      array: "Lista",
      object: "Grupo",
      null: "Nenhum",
    },
    json: "Escrito em JSON",
    markdown: "Você pode usar Markdown.",
    preview: "Prévia",
    duration: { days: "Dias", hours: "Horas", minutes: "Minutos", seconds: "Segundos" },
    durationHint: "Deixe em branco o que não conta.",
    isoHint: "Como na ISO 8601, por exemplo P1DT2H.",
    fault,
    error: "Erro:",
  },
};

function fault(found: Fault): string {
  switch (found.code) {
    case "required":
      return "Preencha este campo.";
    case "choose":
      return "Escolha uma opção.";
    case "accept":
      return "É preciso marcar esta opção.";
    case "number":
      return "Escreva um número, por exemplo 1234,5.";
    case "integer":
      return "Escreva um número inteiro.";
    case "incomplete":
      return "Está incompleto.";
    case "duplicate":
      return "Já está na lista.";
    case "sameKey":
      return "Este nome já foi usado.";
    case "email":
      return "Escreva um e-mail, por exemplo ana@example.org.";
    case "uri":
      return "Escreva um endereço, por exemplo https://example.org.";
    case "uuid":
      return "Escreva um UUID.";
    case "date":
      return "Escreva uma data.";
    case "time":
      return "Escreva um horário.";
    case "date-time":
    case "date-time-local":
      return "Escreva uma data e um horário.";
    case "duration":
      return "Escreva uma duração.";
    case "pattern":
      return "Não tem o formato esperado.";
    case "minimum":
      return `No mínimo ${n(found.limit)}.`;
    case "maximum":
      return `No máximo ${n(found.limit)}.`;
    case "above":
      return `Mais que ${n(found.limit)}.`;
    case "below":
      return `Menos que ${n(found.limit)}.`;
    case "multiple":
      return `Um múltiplo de ${n(found.limit)}.`;
    case "shorter":
      return `No mínimo ${characters(found.limit)}.`;
    case "longer":
      return `No máximo ${characters(found.limit)}.`;
    case "fewer":
      return `No mínimo ${items(found.limit)}.`;
    case "more":
      return `No máximo ${items(found.limit)}.`;
    case "json":
      return `Não é JSON: veja a linha ${n(found.line)}, coluna ${n(found.column)}.`;
  }
}
